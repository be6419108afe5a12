// The one compiled module. Each part of it binds itself; nothing here knows what a part does.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_text_encoder(nb::module_ &m);
void bind_phrases(nb::module_ &m);
void bind_skipgram(nb::module_ &m);
void bind_cbow(nb::module_ &m);
void bind_hierarchical(nb::module_ &m);
void bind_narrow_softmax(nb::module_ &m);
void bind_two_clusters(nb::module_ &m);
void bind_ngram_law(nb::module_ &m);
void bind_linear_softmax(nb::module_ &m);
void bind_noise_loss(nb::module_ &m);
void bind_row_scores(nb::module_ &m);
void bind_row_update(nb::module_ &m);
void bind_pattern_fit(nb::module_ &m);
void bind_word_scan(nb::module_ &m);

NB_MODULE(_native, m) {
    // At exit a script's last loss may still hold a batch's plan; that is no leak worth a word on stderr.
    nb::set_leak_warnings(false);
    m.doc() = "The compiled core of vastmax; use it through vastmax.text and vastmax.kernels.";
    bind_text_encoder(m);
    bind_phrases(m);
    bind_skipgram(m);
    bind_cbow(m);
    bind_hierarchical(m);
    bind_narrow_softmax(m);
    bind_two_clusters(m);
    bind_ngram_law(m);
    bind_linear_softmax(m);
    bind_noise_loss(m);
    bind_row_scores(m);
    bind_row_update(m);
    bind_pattern_fit(m);
    bind_word_scan(m);
}
