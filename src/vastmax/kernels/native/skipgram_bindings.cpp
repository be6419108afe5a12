// The Python face of the skip-gram kernel and the choice of instruction set.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_skipgram(nb::module_ &) {}
