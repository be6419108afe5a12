// The Python face of the text encoder. Arguments are checked in vastmax/kernels/text_encoder.py.
#include <nanobind/stl/tuple.h>

#include <cstring>
#include <tuple>

#include "bindings.hpp"
#include "text_encoder.hpp"

using namespace vastmax;

namespace {

// Any object with the buffer protocol, held while it is read.
class Bytes {
  public:
    explicit Bytes(nb::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw nb::python_error();
    }
    ~Bytes() { PyBuffer_Release(&view_); }
    Bytes(const Bytes &) = delete;
    Bytes &operator=(const Bytes &) = delete;
    const unsigned char *data() const { return static_cast<const unsigned char *>(view_.buf); }
    std::size_t size() const { return static_cast<std::size_t>(view_.len); }

  private:
    Py_buffer view_;
};

int feed(TextEncoder &encoder, nb::handle chunk) {
    const Bytes bytes(chunk);
    nb::gil_scoped_release release;
    return static_cast<int>(encoder.feed(bytes.data(), bytes.size()));
}

// The words of one sentence. Returns the index of the word that is not a str, too long or one too many, -1 when all
// went well; a str that UTF-8 cannot hold (a lone surrogate) raises UnicodeEncodeError.
std::ptrdiff_t add_sentence(TextEncoder &encoder, nb::typed<nb::list, nb::str> words) {
    const std::size_t size = nb::len(words);
    for (std::size_t i = 0; i < size; ++i) {
        PyObject *const word = PyList_GetItem(words.ptr(), static_cast<Py_ssize_t>(i));
        if (!PyUnicode_Check(word)) return static_cast<std::ptrdiff_t>(i);
        Py_ssize_t length;
        const char *const bytes = PyUnicode_AsUTF8AndSize(word, &length);
        if (bytes == nullptr) throw nb::python_error();
        if (length == 0 || encoder.add_word(reinterpret_cast<const unsigned char *>(bytes),
                                            static_cast<std::size_t>(length)) != Problem::none)
            return static_cast<std::ptrdiff_t>(i);
    }
    encoder.end_sentence();
    return -1;
}

// The distinct words in first-seen order: (bytes, offsets (V + 1,) int64, counts (V,) int64).
std::tuple<nb::bytes, Numbers<int64_t>, Numbers<int64_t>> words(const TextEncoder &encoder) {
    const auto &table = encoder.table();
    std::unique_ptr<int64_t[]> counts(new int64_t[table.size()]);
    table.counts(counts.get());
    return {nb::bytes(table.bytes().data(), table.bytes().size()), copied(table.offsets()),
            owned(std::move(counts), table.size())};
}

// The words of `order`, one after another: (bytes, offsets).
std::tuple<nb::bytes, Numbers<int64_t>> gather_words(nb::bytes blob, Column<const int64_t> offsets,
                                                     Column<const int64_t> order) {
    const int64_t size = order.length(), num_words = offsets.length() - 1;
    const int64_t *begin = offsets.data();
    std::unique_ptr<int64_t[]> ends(new int64_t[size_t(size) + 1]);
    ends[0] = 0;
    for (int64_t i = 0; i < size; ++i) {
        const int64_t w = order.data()[i];
        require_of_input(w >= 0 && w < num_words, "a word id outside the vocabulary");
        require_of_input(0 <= begin[w] && begin[w] <= begin[w + 1] && begin[w + 1] <= int64_t(blob.size()),
                         "offsets that fall, or lie outside the words");
        ends[size_t(i) + 1] = ends[size_t(i)] + begin[w + 1] - begin[w];
    }
    PyObject *const raw = PyBytes_FromStringAndSize(nullptr, Py_ssize_t(ends[size_t(size)]));
    if (raw == nullptr) throw nb::python_error();
    auto gathered = nb::steal<nb::bytes>(raw);
    char *const out = PyBytes_AsString(raw);
    for (int64_t i = 0; i < size; ++i)
        std::memcpy(out + ends[size_t(i)], blob.c_str() + begin[order.data()[i]],
                    size_t(ends[size_t(i) + 1] - ends[size_t(i)]));
    return {gathered, owned(std::move(ends), size_t(size) + 1)};
}

} // namespace

void bind_text_encoder(nb::module_ &m) {
    m.attr("MAX_WORD_BYTES") = kMaxWordBytes;
    m.def("gather_words", &gather_words, "words"_a, "offsets"_a, "order"_a);
    nb::class_<TextEncoder>(m, "TextEncoder")
        .def(nb::init<bool>(), "replace"_a)
        .def("begin", &TextEncoder::begin)
        .def("feed", &feed, "chunk"_a)
        .def("end", [](TextEncoder &encoder) { return static_cast<int>(encoder.end()); })
        .def("add_sentence", &add_sentence, "words"_a)
        // Views of the encoder's own buffers, good until clear_output or the next word.
        .def("ids",
             [](nb::handle_t<TextEncoder> self) {
                 const auto &encoder = nb::cast<TextEncoder &>(self);
                 return view_of(encoder.ids(), encoder.num_ids(), self);
             })
        .def(
            "sentence_ends",
            [](nb::handle_t<TextEncoder> self) { return view_of(nb::cast<TextEncoder &>(self).sentence_ends(), self); })
        .def("clear_output", &TextEncoder::clear_output)
        .def("words", &words)
        .def_prop_ro("num_types", [](const TextEncoder &encoder) { return encoder.table().size(); })
        .def_prop_ro("num_tokens", &TextEncoder::num_tokens)
        .def_prop_ro("num_sentences", &TextEncoder::num_sentences)
        .def_prop_ro("problem_offset", &TextEncoder::problem_offset);
}
