// The one compiled module. Each part of it binds itself; nothing here knows what a part does.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "dispatch.hpp"

namespace nb = nanobind;

void bind_decimals(nb::module_ &m);
void bind_embedding(nb::module_ &m);
void bind_hierarchical(nb::module_ &m);
void bind_ngram_law(nb::module_ &m);
void bind_noise_loss(nb::module_ &m);
void bind_pattern_fit(nb::module_ &m);
void bind_phrases(nb::module_ &m);
void bind_rows(nb::module_ &m);
void bind_softmax(nb::module_ &m);
void bind_subwords(nb::module_ &m);
void bind_text_encoder(nb::module_ &m);
void bind_two_clusters(nb::module_ &m);
void bind_word_scan(nb::module_ &m);

namespace {

// The one place where a refusal becomes a Python error: bad input is an InputError, anything else a bug of a caller.
void translate(const std::exception_ptr &thrown, void *) {
    try {
        std::rethrow_exception(thrown);
    } catch (const vastmax::Refusal &refusal) {
        const nb::object error =
            refusal.of_input ? nb::module_::import_("vastmax.errors").attr("InputError") : nb::borrow(PyExc_ValueError);
        PyErr_SetString(error.ptr(), refusal.what());
    }
}

} // namespace

NB_MODULE(_native, m) {
    // At exit a script's last loss may still hold a batch's plan; that is no leak worth a word on stderr.
    nb::set_leak_warnings(false);
    nb::register_exception_translator(translate);
    m.doc() = "The compiled core of vastmax; use it through vastmax.text and vastmax.kernels.";
    m.def("available_targets", &vastmax::available_targets);
    bind_decimals(m);
    bind_embedding(m);
    bind_hierarchical(m);
    bind_ngram_law(m);
    bind_noise_loss(m);
    bind_pattern_fit(m);
    bind_phrases(m);
    bind_rows(m);
    bind_softmax(m);
    bind_subwords(m);
    bind_text_encoder(m);
    bind_two_clusters(m);
    bind_word_scan(m);
}
