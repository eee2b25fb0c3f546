/* The native methods of Palmnet.java. A text goes through bytes of UTF-8, which JNI's own functions change. */
#include <jni.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "palmnet.h"

static palmnet_model *model_of(jlong handle) { return (palmnet_model *)(intptr_t)handle; }

/* Returns a text of Java; NULL if a Java exception is thrown. */
static jstring text_of(JNIEnv *env, const char *text) {
  jclass type = (*env)->FindClass(env, "java/lang/String");
  jmethodID constructor = type ? (*env)->GetMethodID(env, type, "<init>", "([BLjava/lang/String;)V") : NULL;
  jstring charset = constructor ? (*env)->NewStringUTF(env, "UTF-8") : NULL;
  jsize length = (jsize)strlen(text);
  jbyteArray bytes = charset ? (*env)->NewByteArray(env, length) : NULL;
  jstring result;
  if (!bytes) return NULL;
  (*env)->SetByteArrayRegion(env, bytes, 0, length, (const jbyte *)text);
  result = (jstring)(*env)->NewObject(env, type, constructor, bytes, charset);
  (*env)->DeleteLocalRef(env, bytes);
  (*env)->DeleteLocalRef(env, charset);
  (*env)->DeleteLocalRef(env, type);
  return result;
}

static void fail(JNIEnv *env, const char *why) {
  jstring text = text_of(env, why);
  jclass type = text ? (*env)->FindClass(env, "java/lang/IllegalArgumentException") : NULL;
  jmethodID constructor = type ? (*env)->GetMethodID(env, type, "<init>", "(Ljava/lang/String;)V") : NULL;
  jobject exception = constructor ? (*env)->NewObject(env, type, constructor, text) : NULL;
  if (exception) (*env)->Throw(env, (jthrowable)exception);
}

/* Returns a copy of a text in UTF-8 that is freed by free; NULL for null, or if a Java exception is thrown. */
static char *copy(JNIEnv *env, jstring text) {
  jclass type;
  jmethodID method;
  jstring charset;
  jbyteArray bytes;
  jsize length;
  char *result;

  if (!text) return NULL;
  type = (*env)->GetObjectClass(env, text);
  method = (*env)->GetMethodID(env, type, "getBytes", "(Ljava/lang/String;)[B");
  charset = (*env)->NewStringUTF(env, "UTF-8");
  if (!method || !charset) return NULL;
  bytes = (jbyteArray)(*env)->CallObjectMethod(env, text, method, charset);
  if ((*env)->ExceptionCheck(env)) return NULL;
  length = (*env)->GetArrayLength(env, bytes);
  result = (char *)malloc((size_t)length + 1);
  if (!result) {
    fail(env, "out of memory");
    return NULL;
  }
  (*env)->GetByteArrayRegion(env, bytes, 0, length, (jbyte *)result);
  result[length] = 0;
  (*env)->DeleteLocalRef(env, bytes);
  (*env)->DeleteLocalRef(env, charset);
  (*env)->DeleteLocalRef(env, type);
  if (memchr(result, 0, (size_t)length)) {
    free(result);
    fail(env, "a text has a zero byte, which no cell and no path has");
    return NULL;
  }
  return result;
}

static void free_cells(char **cells, jsize count) {
  jsize i;
  for (i = 0; cells && i < count; i++) free(cells[i]);
  free(cells);
}

/* Returns copies of a row of cells, as many as are expected; NULL if a Java exception is thrown. */
static char **row_of(JNIEnv *env, jobjectArray texts, size_t expected) {
  jsize i, count;
  char **cells;

  if (!texts) {
    fail(env, "the row of cells is null");
    return NULL;
  }
  count = (*env)->GetArrayLength(env, texts);
  if ((size_t)count != expected) {
    fail(env, "the row has another number of cells than the model takes");
    return NULL;
  }
  cells = (char **)calloc((size_t)count + 1, sizeof *cells);
  for (i = 0; cells && i < count; i++) {
    jstring text = (jstring)(*env)->GetObjectArrayElement(env, texts, i);
    cells[i] = copy(env, text);
    if ((*env)->ExceptionCheck(env)) {
      free_cells(cells, count);
      return NULL;
    }
    (*env)->DeleteLocalRef(env, text);
  }
  if (!cells) fail(env, "out of memory");
  return cells;
}

JNIEXPORT jlong JNICALL Java_Palmnet_load(JNIEnv *env, jclass type, jstring path) {
  char *text = copy(env, path);
  palmnet_model *model;
  (void)type;
  if ((*env)->ExceptionCheck(env)) return 0;
  model = palmnet_load(text);
  free(text);
  if (!model) fail(env, palmnet_error());
  return (jlong)(intptr_t)model;
}

JNIEXPORT void JNICALL Java_Palmnet_free(JNIEnv *env, jclass type, jlong handle) {
  (void)env;
  (void)type;
  palmnet_free(model_of(handle));
}

JNIEXPORT void JNICALL Java_Palmnet_save(JNIEnv *env, jclass type, jlong handle, jstring path) {
  char *text = copy(env, path);
  (void)type;
  if ((*env)->ExceptionCheck(env)) return;
  if (palmnet_save(model_of(handle), text)) fail(env, palmnet_error());
  free(text);
}

JNIEXPORT jobjectArray JNICALL Java_Palmnet_outputs(JNIEnv *env, jclass type, jlong handle) {
  jsize i, count = (jsize)palmnet_outputs(model_of(handle));
  jclass string = (*env)->FindClass(env, "java/lang/String");
  jobjectArray names = string ? (*env)->NewObjectArray(env, count, string, NULL) : NULL;
  (void)type;
  for (i = 0; names && i < count; i++) {
    jstring name = text_of(env, palmnet_output_name(model_of(handle), (size_t)i));
    if (!name) return NULL;
    (*env)->SetObjectArrayElement(env, names, i, name);
    (*env)->DeleteLocalRef(env, name);
  }
  return names;
}

JNIEXPORT jdoubleArray JNICALL Java_Palmnet_predict(JNIEnv *env, jclass type, jlong handle, jobjectArray texts) {
  palmnet_model *model = model_of(handle);
  jsize outputs = (jsize)palmnet_outputs(model), columns = (jsize)palmnet_columns(model);
  char **cells = row_of(env, texts, (size_t)columns);
  double *found;
  jdoubleArray result = NULL;
  (void)type;
  if (!cells) return NULL;
  found = (double *)calloc((size_t)outputs + 1, sizeof *found);
  if (!found || palmnet_predict(model, (const char *const *)cells, 1, found)) {
    fail(env, found ? palmnet_error() : "out of memory");
  } else if ((result = (*env)->NewDoubleArray(env, outputs)) != NULL) {
    (*env)->SetDoubleArrayRegion(env, result, 0, outputs, found);
  }
  free(found);
  free_cells(cells, columns);
  return result;
}

JNIEXPORT jdouble JNICALL Java_Palmnet_learn(JNIEnv *env, jclass type, jlong handle, jobjectArray texts, jdouble rate) {
  palmnet_model *model = model_of(handle);
  jsize columns = (jsize)(palmnet_columns(model) + palmnet_targets(model));
  char **cells = row_of(env, texts, (size_t)columns);
  double loss = 0.0;
  (void)type;
  if (!cells) return 0.0;
  if (palmnet_learn(model, (const char *const *)cells, 1, rate, &loss)) fail(env, palmnet_error());
  free_cells(cells, columns);
  return loss;
}
