/* Draws one image of a class and writes it as a PPM file.
 *
 *   draw GENERATOR TOKENIZER CLASS OUT.ppm
 *   draw --pipeline PIPELINE CLASS OUT.ppm
 */
#include <stdio.h>
#include <string.h>
#include <tessera/tessera.h>

struct drawing {
  tessera_info info;
  const char* out;
  int written;
};

static int show_row(void* user, size_t index, const tessera_image* image) {
  const struct drawing* drawing = user;
  (void)index; /* there is one image only */
  printf("row %zu of %d\n", image->token_count / (size_t)drawing->info.grid_columns,
         drawing->info.grid_rows);
  return 0; /* anything else would cancel */
}

static int write_ppm(void* user, size_t index, const tessera_image* image) {
  struct drawing* drawing = user;
  const size_t bytes = (size_t)image->width * (size_t)image->height * 3;
  FILE* file = fopen(drawing->out, "wb");
  (void)index;
  if (file == NULL) return 1;
  fprintf(file, "P6\n%d %d\n255\n", image->width, image->height);
  drawing->written = fwrite(image->pixels, 1, bytes, file) == bytes;
  if (fclose(file) != 0) drawing->written = 0;
  return !drawing->written;
}

static int draw(tessera_engine* engine, const char* class_name, const char* out) {
  struct drawing drawing = {TESSERA_INFO_INIT, out, 0};
  tessera_request request = TESSERA_REQUEST_INIT;
  tessera_callbacks callbacks = TESSERA_CALLBACKS_INIT;
  int status = tessera_get_info(engine, &drawing.info);
  if (status == TESSERA_OK) status = tessera_find_class(engine, class_name, &request.label);
  if (status != TESSERA_OK) return status;
  request.seed = 1;
  callbacks.user = &drawing;
  callbacks.row = show_row;
  callbacks.image = write_ppm;
  status = tessera_draw(engine, &request, 1, &callbacks);
  if (status == TESSERA_CANCELLED && !drawing.written) perror(out);
  return status;
}

int main(int argc, char** argv) {
  tessera_options options = TESSERA_OPTIONS_INIT;
  tessera_engine* engine = NULL;
  int status;
  if (argc != 5) {
    fprintf(stderr, "usage: draw GENERATOR TOKENIZER CLASS OUT.ppm, or --pipeline PIPELINE ..\n");
    return TESSERA_BAD_INPUT;
  }
  if (strcmp(argv[1], "--pipeline") == 0) {
    options.pipeline = argv[2];
  } else {
    options.generator = argv[1];
    options.tokenizer = argv[2];
  }
  status = tessera_open(&options, &engine);
  if (status == TESSERA_OK) status = draw(engine, argv[3], argv[4]);
  if (status != TESSERA_OK) fprintf(stderr, "draw: %s\n", tessera_last_error());
  tessera_free(engine);
  return status;
}
