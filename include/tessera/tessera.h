/* Tessera's engine in C99: opens the model folders that Tessera trains or imports and draws images
 * on the processor. engine.h is the same in C++; both are in the library `tessera`.
 *
 * Every function that can fail returns a status, and tessera_last_error() then says why in one
 * line. Structs begin with their size, which the _INIT macros fill in: a program keeps running with
 * later libraries whose structs have grown. Strings are UTF-8 and end in 0. Nothing is printed. */
#ifndef TESSERA_TESSERA_H
#define TESSERA_TESSERA_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Status codes, which are the exit codes of Tessera's programs. */
enum {
  TESSERA_OK = 0,
  TESSERA_FAULT = 1,      /* of the library or the machine, such as no memory */
  TESSERA_BAD_INPUT = 2,  /* a folder, a request or an argument */
  TESSERA_CANCELLED = 130 /* by tessera_cancel() or a callback */
};

/* How weights are held. Automatic: as a packed folder holds them, else in the recipe's precision
 * (float32 for imported models), and where that leaves it open bf16 if the processor multiplies
 * bf16 numbers, else float32. */
enum {
  TESSERA_WEIGHTS_AUTOMATIC = 0,
  TESSERA_WEIGHTS_FLOAT32 = 1,
  TESSERA_WEIGHTS_BF16 = 2,
  TESSERA_WEIGHTS_INT8 = 3,
  TESSERA_WEIGHTS_INT4 = 4
};

/* How keys and values of attention are held. Automatic: float32 with float32 weights, else bf16. */
enum {
  TESSERA_CACHE_AUTOMATIC = 0,
  TESSERA_CACHE_FLOAT32 = 1,
  TESSERA_CACHE_BF16 = 2,
  TESSERA_CACHE_INT8 = 3
};

/* Two opened models and the threads that run them. One call at a time, but for tessera_cancel(). */
typedef struct tessera_engine tessera_engine;

/* What to open: a generator and the tokenizer whose tokens it writes, or a pipeline that holds
 * both. Without a tokenizer the engine draws tokens only. */
typedef struct tessera_options {
  size_t size;
  const char *generator, *tokenizer; /* model folders, or NULL */
  const char* pipeline;              /* folder written by `tessera export pipeline`, or NULL */
  int weights, cache;                /* TESSERA_WEIGHTS_.., TESSERA_CACHE_.. */
  int threads;                       /* 0 is one for each core */
  int most_rows; /* sequences stepped together; 0 is 256, or as many as memory allows */
} tessera_options;
#define TESSERA_OPTIONS_INIT \
  { sizeof(tessera_options), NULL, NULL, NULL, 0, 0, 0, 0 }

/* What was opened. */
typedef struct tessera_info {
  size_t size;
  int classes;                   /* how many; see tessera_class_name() */
  int grid_rows, grid_columns;   /* tokens of an image */
  int vocabulary;                /* tokens are 0 .. vocabulary - 1 */
  int image_width, image_height; /* pixels; 0 without a tokenizer */
  int weights, cache;            /* in use, never automatic */
  int threads, most_rows;
  const char* instruction_set; /* lives as long as the engine */
} tessera_info;
#define TESSERA_INFO_INIT \
  { sizeof(tessera_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL }

#define TESSERA_NO_CLASS (-1)

/* One image to draw. TESSERA_REQUEST_INIT leaves everything to the generator's recipe. */
typedef struct tessera_request {
  size_t size;
  int label;                      /* number of a class, or TESSERA_NO_CLASS */
  uint64_t seed;                  /* equal requests give equal images on one instruction set */
  double cfg, temperature, top_p; /* NAN: the recipe's */
  int top_k;                      /* 0 is all; negative: the recipe's */
  const char* cfg_schedule;       /* constant, interval:A:B or power-cosine:P; NULL: the recipe's */
  const int32_t* kept;            /* the first tokens, given */
  size_t kept_count;
  int previews; /* decoded on the way, 0 to 4, since each costs what the image costs */
} tessera_request;
#define TESSERA_REQUEST_INIT \
  { sizeof(tessera_request), TESSERA_NO_CLASS, 0, NAN, NAN, NAN, -1, NULL, NULL, 0, 0 }

/* A drawn image, or a part of one; NULL and 0 for what is not there. */
typedef struct tessera_image {
  const int32_t* tokens; /* along the rows */
  size_t token_count;
  const uint8_t* pixels; /* RGB [height, width, 3], rows from the top */
  int width, height;
} tessera_image;

/* What is told while images are drawn, on the thread that called tessera_draw(); any may be NULL.
 * `index` is the place of a request; what a pointer points to is gone when the callback returns. A
 * callback that does not return 0 cancels. */
typedef struct tessera_callbacks {
  size_t size;
  void* user; /* passed on */
  /* A row of tokens is complete: all tokens so far. */
  int (*row)(void* user, size_t index, const tessera_image* image);
  /* A preview: pixels, grey where nothing is drawn yet. */
  int (*preview)(void* user, size_t index, const tessera_image* image);
  /* An image is complete: its tokens and, with a tokenizer, its pixels. */
  int (*image)(void* user, size_t index, const tessera_image* image);
} tessera_callbacks;
#define TESSERA_CALLBACKS_INIT \
  { sizeof(tessera_callbacks), NULL, NULL, NULL, NULL }

/* Bytes. */
typedef struct tessera_memory {
  size_t size;
  size_t weights; /* of the generator */
  size_t caches;  /* keys and values of all rows */
  size_t work;    /* vectors of a step */
  size_t decoder; /* the tokenizer's weights and activations */
} tessera_memory;
#define TESSERA_MEMORY_INIT \
  { sizeof(tessera_memory), 0, 0, 0, 0 }

/* Opens models; *engine is NULL unless it returns TESSERA_OK. End it with tessera_free(). */
int tessera_open(const tessera_options* options, tessera_engine** engine);
void tessera_free(tessera_engine* engine); /* NULL is allowed */

int tessera_get_info(const tessera_engine* engine, tessera_info* info);
/* Lives as long as the engine; NULL when there is no such class. */
const char* tessera_class_name(const tessera_engine* engine, int label);
/* The number of the class that `text` names, by name or number. */
int tessera_find_class(const tessera_engine* engine, const char* text, int* label);

/* What drawing so many images at once will take; a guided one (cfg other than 1) takes twice the
 * caches. */
int tessera_estimate_memory(const tessera_engine* engine, size_t images, int guided,
                            tessera_memory* memory);

/* Draws `count` images, as many at a time as there are rows. They are handed over by
 * callbacks->image as they complete. */
int tessera_draw(tessera_engine* engine, const tessera_request* requests, size_t count,
                 const tessera_callbacks* callbacks);
/* Ends the tessera_draw() under way within a step; from any thread or signal handler. */
void tessera_cancel(tessera_engine* engine); /* NULL is allowed */

/* Tokens of an image to its pixels: grid_rows * grid_columns tokens, and room for exactly
 * image_width * image_height * 3 bytes. */
int tessera_decode(tessera_engine* engine, const int32_t* tokens, size_t token_count,
                   uint8_t* pixels, size_t pixel_bytes);

/* Why the last call on this thread that failed did so; "" if none has. Valid until the next call.
 */
const char* tessera_last_error(void);
/* Such as "0.1.0". */
const char* tessera_version(void);

#ifdef __cplusplus
}
#endif

#endif
