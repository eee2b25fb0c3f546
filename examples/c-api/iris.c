/* Loads a model, predicts, trains on and saves it, from C or C++:
 *   cargo c-api
 *   cc examples/c-api/iris.c -Iinclude -Ltarget/c-api -lpalmnet -Wl,-rpath,target/c-api -o iris
 *   ./iris examples/iris.safetensors learned.safetensors
 */
#include <stdio.h>
#include <stdlib.h>

#include "palmnet.h"

static int failed(const char *what) {
  fprintf(stderr, "%s: %s\n", what, palmnet_error());
  return 1;
}

int main(int argc, char **argv) {
  const char *flower[] = {"5.9", "2.8", "4.2", "1.3"};
  const char *labeled[] = {"5.9", "2.8", "4.2", "1.3", "versicolor"};
  const double numbers[] = {5.9, 2.8, 4.2, 1.3};
  palmnet_model *model;
  double *outputs, loss = 0.0;
  size_t i;
  int status = 1;

  if (argc != 3) {
    fprintf(stderr, "usage: iris MODEL LEARNED\n");
    return 2;
  }
  model = palmnet_load(argv[1]);
  if (!model) return failed("load");
  outputs = (double *)malloc(palmnet_outputs(model) * sizeof *outputs);
  if (!outputs) goto end;

  for (i = 0; i < palmnet_columns(model); i++) printf("%s = %s\n", palmnet_column_name(model, i), flower[i]);
  if (palmnet_predict(model, flower, 1, outputs)) {
    failed("predict");
    goto end;
  }
  for (i = 0; i < palmnet_outputs(model); i++) printf("%s: %.9g\n", palmnet_output_name(model, i), outputs[i]);

  if (palmnet_learn(model, labeled, 1, 0.001, &loss) || palmnet_save(model, argv[2])) {
    failed("learn");
    goto end;
  }
  if (palmnet_predict_numbers(model, numbers, 1, outputs)) {
    failed("predict");
    goto end;
  }
  printf("after a step, loss %.9g:\n", loss);
  for (i = 0; i < palmnet_outputs(model); i++) printf("%s: %.9g\n", palmnet_output_name(model, i), outputs[i]);
  status = 0;
end:
  free(outputs);
  palmnet_free(model);
  return status;
}
