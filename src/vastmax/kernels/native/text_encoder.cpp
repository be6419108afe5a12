// Text to ids in one pass.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_text_encoder(nb::module_ &) {}
