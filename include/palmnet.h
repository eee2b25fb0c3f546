/* palmnet as a library for C, C++ and every language that calls C. `cargo c-api` builds it:
 * target/c-api/libpalmnet.so and libpalmnet.a. Models come from `palmnet train`.
 *
 * Texts are UTF-8 and end with a zero byte. A matrix is one array, row after row. A function that can fail returns -1 or
 * NULL; palmnet_error then tells why and what to do. No pointer that a function takes is kept after it returns.
 *
 * Networks run on the thread that calls; cells of many rows are read by several. One model may be used by several threads at once: predictions run side by
 * side, and wait while palmnet_learn runs. Only palmnet_free must be the last call with a model.
 */
#ifndef PALMNET_H
#define PALMNET_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A network with the preprocessing of its data and the names of its columns. */
typedef struct palmnet_model palmnet_model;

/* Returns the version, such as "0.1.0". It is never freed. */
const char *palmnet_version(void);

/* Returns why the last call of this thread that failed did, or "" if none has. It is there until the next call that
 * fails, and must not be freed. */
const char *palmnet_error(void);

/* Reads a model file. Returns NULL if that fails; else palmnet_free frees the model. */
palmnet_model *palmnet_load(const char *path);

/* Reads the content of a model file, which need not stay there. Returns NULL if that fails. */
palmnet_model *palmnet_load_bytes(const void *bytes, size_t length);

/* Frees a model and its names. NULL is allowed. */
void palmnet_free(palmnet_model *model);

/* Writes the model to a file, which replaces one that is there whole or not at all. Returns 0, or -1. */
int palmnet_save(const palmnet_model *model, const char *path);

/* Returns the number of columns that a row has for predictions; 0 if the model is NULL. */
size_t palmnet_columns(const palmnet_model *model);

/* Returns the number of columns that are predicted: 1 for a model of classes; 0 if the model is NULL. */
size_t palmnet_targets(const palmnet_model *model);

/* Returns how many numbers the prediction of a row has: the probability of each class, or of each label's second class,
 * or a value for each target; 0 if the model is NULL. */
size_t palmnet_outputs(const palmnet_model *model);

/* Returns the name of a column, from 0; NULL if there is none. It is there as long as the model. */
const char *palmnet_column_name(const palmnet_model *model, size_t column);

/* Returns the name of an output, from 0: a class, a label with its second class ("ripe=yes"), or a target; NULL if there
 * is none. It is there as long as the model. */
const char *palmnet_output_name(const palmnet_model *model, size_t output);

/* Predicts rows of cells as they stand in a table: numbers in the notation of the training data, such as "9,125" of a table
 * with decimal commas (palmnet_predict_numbers takes numbers themselves). `cells` are rows x palmnet_columns texts in the order of the columns;
 * an empty one, and NULL, is a missing cell. `outputs` is room for rows x palmnet_outputs numbers. Values are in the units
 * of the table; they are not finite if the cells are too extreme for the network. Returns 0, or -1 if a cell cannot be read,
 * or is of a category that training did not have: the error names row and column, counted from 1. */
int palmnet_predict(const palmnet_model *model, const char *const *cells, size_t rows, double *outputs);

/* Predicts rows of numbers, for models whose columns are all numbers: `numbers` are rows x palmnet_columns, NaN where one
 * is missing. Otherwise as palmnet_predict. */
int palmnet_predict_numbers(const palmnet_model *model, const double *numbers, size_t rows, double *outputs);

/* Trains on rows of cells: one step of Adam for every 32 of them, in their order (shuffle them if they are sorted). `cells`
 * are rows x (palmnet_columns + palmnet_targets) texts: those of the columns, then the true classes, labels or values.
 * `learning_rate` is above 0; 0.001 is usual, less to keep more of what was learned. The mean loss of the rows, each before
 * its step, goes to `loss` unless that is NULL. Returns 0, or -1; the model is then as it was before.
 *
 * The optimizer goes on from call to call, as long as the model is loaded and no call fails. The calibration of the model (its temperature,
 * its intervals) is removed, because it was measured for the weights before. */
int palmnet_learn(palmnet_model *model, const char *const *cells, size_t rows, double learning_rate, double *loss);

#ifdef __cplusplus
}
#endif

#endif
