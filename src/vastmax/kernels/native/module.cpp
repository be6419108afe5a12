// The one compiled module. Each part of it binds itself; nothing here knows what a part does.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_text_encoder(nb::module_ &m);
void bind_skipgram(nb::module_ &m);
void bind_hierarchical(nb::module_ &m);

NB_MODULE(_native, m) {
    m.doc() = "The compiled core of vastmax; use it through vastmax.text and vastmax.kernels.";
    bind_text_encoder(m);
    bind_skipgram(m);
    bind_hierarchical(m);
}
