/* Calls of the C API that a program should not make, and some from two threads at once: calls MODEL CORRUPT FOLDER.
 * MODEL is one of iris, CORRUPT a file that is no model. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "palmnet.h"

#define CHECK(what) ((what) ? (void)0 : (printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #what, palmnet_error()), exit(1)))
#define FAILS(call, why) (CHECK(call), CHECK(strstr(palmnet_error(), why)))

static palmnet_model *model;
static const double flower[4] = {5.9, 2.8, 4.2, 1.3};
static double expected[3];

static void *predict(void *unused) {
  int i;
  (void)unused;
  CHECK(!strcmp(palmnet_error(), "")); /* Errors are those of a thread. */
  for (i = 0; i < 1000; i++) {
    double found[3];
    CHECK(palmnet_predict_numbers(model, flower, 1, found) == 0 && fabs(found[0] + found[1] + found[2] - 1) < 1e-6);
  }
  return NULL;
}

static void bad_arguments(const char *corrupt) {
  const char *cells[] = {"5.9", "2.8", "4.2", "1.3"}, *word[] = {"5.9", "2.8", "long", "1.3"}, *gap[] = {"5.9", NULL, "4.2", "1.3"};
  const char *latin[] = {"5.9", "2.8", "4.2", "1.3", "versic\xf6lor"}, *stranger[] = {"5.9", "2.8", "4.2", "1.3", "tulip"};
  const double infinite[] = {5.9, 2.8, INFINITY, 1.3}, absent[] = {5.9, NAN, 4.2, 1.3};
  const char *learned[] = {"5.9", "2.8", "4.2", "1.3", "versicolor"};
  double found[3], loss;

  FAILS(!palmnet_load(NULL), "path is NULL");
  FAILS(!palmnet_load("\xff"), "UTF-8");
  FAILS(!palmnet_load("no such file"), "no such file");
  FAILS(!palmnet_load(corrupt), "safetensors");
  FAILS(!palmnet_load_bytes(NULL, 100), "bytes is NULL");
  FAILS(!palmnet_load_bytes(NULL, 0), "the model in memory");
  FAILS(!palmnet_load_bytes(corrupt, SIZE_MAX), "more than can be in memory");
  FAILS(palmnet_save(NULL, "x"), "the model is NULL");
  FAILS(palmnet_save(model, NULL), "path is NULL");
  FAILS(palmnet_save(model, "no such folder/x"), "no such folder");
  FAILS(palmnet_columns(NULL) == 0, "the model is NULL");
  FAILS(palmnet_targets(NULL) == 0, "the model is NULL");
  FAILS(palmnet_outputs(NULL) == 0, "the model is NULL");
  FAILS(!palmnet_column_name(model, 4), "there is no column 4: the model has 4 columns");
  FAILS(!palmnet_output_name(model, SIZE_MAX), "the model has 3 outputs");
  FAILS(palmnet_predict(NULL, cells, 1, found), "the model is NULL");
  FAILS(palmnet_predict(model, NULL, 1, found), "cells is NULL");
  FAILS(palmnet_predict(model, cells, 1, NULL), "outputs is NULL");
  FAILS(palmnet_predict(model, cells, SIZE_MAX / 2, found), "more than can be in memory");
  FAILS(palmnet_predict(model, word, 1, found), "petal_length");
  FAILS(palmnet_predict(model, gap, 1, found), "sepal_width");
  FAILS(palmnet_predict_numbers(model, NULL, 1, found), "numbers is NULL");
  FAILS(palmnet_predict_numbers(model, infinite, 1, found), "petal_length");
  FAILS(palmnet_predict_numbers(model, absent, 1, found), "sepal_width");
  FAILS(palmnet_learn(model, NULL, 1, 0.001, &loss), "cells is NULL");
  FAILS(palmnet_learn(model, latin, 1, 0.001, &loss), "the cell of row 1, column 5 is not UTF-8");
  FAILS(palmnet_learn(model, stranger, 1, 0.001, &loss), "tulip");
  FAILS(palmnet_learn(model, stranger, 1, -1, &loss), "learning rate");
  FAILS(palmnet_learn(model, stranger, 1, NAN, &loss), "learning rate");
  FAILS(palmnet_learn(model, learned, 1, 1e30, &loss), "lower the learning rate");
  CHECK(palmnet_predict(model, NULL, 0, NULL) == 0 && palmnet_predict_numbers(model, NULL, 0, NULL) == 0);
  palmnet_free(NULL);
}

/* Several rows at once are those one by one; more rows than a step has are learned too. */
static void many_rows(void) {
  static const char *const rows[2][5] = {{"5.1", "3.5", "1.4", "0.2", "setosa"}, {"6.3", "3.3", "6.0", "2.5", "virginica"}};
  const char *cells[80 * 5], *features[80 * 4];
  double all[80 * 3], one[3], first, last;
  int i, j;
  for (i = 0; i < 80; i++) {
    for (j = 0; j < 5; j++) cells[5 * i + j] = rows[i % 2][j];
    for (j = 0; j < 4; j++) features[4 * i + j] = rows[i % 2][j];
  }
  CHECK(palmnet_predict(model, features, 80, all) == 0);
  for (i = 0; i < 80; i++) CHECK(palmnet_predict(model, features + 4 * i, 1, one) == 0 && !memcmp(one, all + 3 * i, sizeof one));
  CHECK(all[0] > 0.9 && all[5] > 0.9);
  CHECK(palmnet_learn(model, cells, 80, 0.0001, &first) == 0 && palmnet_learn(model, cells, 80, 0.0001, &last) == 0);
  CHECK(last < first);
}

int main(int argc, char **argv) {
  const char *cells[] = {"5.9", "2.8", "4.2", "1.3", "versicolor"};
  pthread_t threads[2];
  char path[1000], *bytes;
  palmnet_model *other;
  double found[3], place[4], loss, first = -1;
  long length;
  FILE *file;
  int i;

  CHECK(argc == 4);
  CHECK(!strcmp(palmnet_error(), ""));
  CHECK((model = palmnet_load(argv[1])) != NULL);
  CHECK(palmnet_columns(model) == 4 && palmnet_targets(model) == 1 && palmnet_outputs(model) == 3);
  CHECK(!strcmp(palmnet_column_name(model, 2), "petal_length") && !strcmp(palmnet_output_name(model, 1), "versicolor"));
  CHECK(palmnet_predict(model, cells, 1, expected) == 0 && palmnet_predict_numbers(model, flower, 1, found) == 0);
  CHECK(!memcmp(found, expected, sizeof found));
  bad_arguments(argv[2]);

  /* Predictions may replace the numbers that they are of. */
  memcpy(place, flower, sizeof flower);
  CHECK(palmnet_predict_numbers(model, place, 1, place) == 0 && !memcmp(place, expected, sizeof expected));

  /* Whatever failed has changed nothing. */
  CHECK(palmnet_predict_numbers(model, flower, 1, found) == 0 && !memcmp(found, expected, sizeof found));
  for (i = 0; i < 2; i++) CHECK(!pthread_create(&threads[i], NULL, predict, NULL));
  for (i = 0; i < 50; i++) {
    CHECK(palmnet_learn(model, cells, 1, 0.001, i % 2 ? &loss : NULL) == 0);
    if (i == 1) first = loss;
  }
  for (i = 0; i < 2; i++) CHECK(!pthread_join(threads[i], NULL));
  CHECK(loss < first);
  CHECK(palmnet_predict_numbers(model, flower, 1, found) == 0 && found[1] > expected[1]);

  many_rows();
  CHECK(palmnet_predict_numbers(model, flower, 1, found) == 0);

  /* A model goes into a file, and through memory, with the same bits. */
  CHECK((size_t)snprintf(path, sizeof path, "%s/learned.safetensors", argv[3]) < sizeof path);
  CHECK(palmnet_save(model, path) == 0);
  CHECK((file = fopen(path, "rb")) && !fseek(file, 0, SEEK_END) && (length = ftell(file)) > 0);
  rewind(file);
  CHECK((bytes = malloc((size_t)length)) && fread(bytes, 1, (size_t)length, file) == (size_t)length && !fclose(file));
  CHECK((other = palmnet_load_bytes(bytes, (size_t)length)) != NULL);
  free(bytes);
  CHECK(palmnet_predict_numbers(other, flower, 1, expected) == 0 && !memcmp(found, expected, sizeof found));
  palmnet_free(model);
  palmnet_free(other);
  printf("palmnet %s: calls that a program should not make are answered\n", palmnet_version());
  return 0;
}
