// The Python face of the text encoder. Arguments are checked in vastmax/kernels/text_encoder.py.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstring>

#include "owned_array.hpp"
#include "text_encoder.hpp"

namespace nb = nanobind;
using vastmax::Problem;
using vastmax::TextEncoder;

namespace {

using Int64In = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

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
std::ptrdiff_t add_sentence(TextEncoder &encoder, nb::list words) {
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
nb::tuple words(const TextEncoder &encoder) {
    const auto &table = encoder.table();
    const std::size_t size = table.size();
    std::unique_ptr<std::int64_t[]> offsets(new std::int64_t[size + 1]), counts(new std::int64_t[size]);
    std::memcpy(offsets.get(), table.offsets().data(), (size + 1) * sizeof(std::int64_t));
    table.counts(counts.get());
    return nb::make_tuple(nb::bytes(table.bytes().data(), table.bytes().size()),
                          owned_array(std::move(offsets), size + 1), owned_array(std::move(counts), size));
}

// The words of `order`, one after another: (bytes, offsets).
nb::tuple gather_words(nb::bytes blob, Int64In offsets, Int64In order) {
    const std::size_t size = order.shape(0);
    const auto num_words = static_cast<std::int64_t>(offsets.shape(0)) - 1;
    std::unique_ptr<std::int64_t[]> ends(new std::int64_t[size + 1]);
    ends[0] = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const std::int64_t w = order(i);
        if (w < 0 || w >= num_words) throw nb::index_error("a word id outside the vocabulary");
        if (offsets(w) < 0 || offsets(w) > offsets(w + 1) || offsets(w + 1) > std::int64_t(blob.size()))
            throw nb::index_error("offsets that fall, or lie outside the words");
        ends[i + 1] = ends[i] + offsets(w + 1) - offsets(w);
    }
    PyObject *const raw = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(ends[size]));
    if (raw == nullptr) throw nb::python_error();
    nb::object gathered = nb::steal(raw);
    char *const out = PyBytes_AsString(raw);
    for (std::size_t i = 0; i < size; ++i)
        std::memcpy(out + ends[i], blob.c_str() + offsets(order(i)), static_cast<std::size_t>(ends[i + 1] - ends[i]));
    return nb::make_tuple(gathered, owned_array(std::move(ends), size + 1));
}

} // namespace

void bind_text_encoder(nb::module_ &m) {
    m.attr("MAX_WORD_BYTES") = vastmax::kMaxWordBytes;
    m.def("gather_words", &gather_words, nb::arg("words"), nb::arg("offsets").noconvert(), nb::arg("order").noconvert());
    nb::class_<TextEncoder>(m, "TextEncoder")
        .def(nb::init<bool>(), nb::arg("replace"))
        .def("begin", &TextEncoder::begin)
        .def("feed", &feed, nb::arg("chunk"))
        .def("end", [](TextEncoder &encoder) { return static_cast<int>(encoder.end()); })
        .def("add_sentence", &add_sentence, nb::arg("words").noconvert())
        // Views of the encoder's own buffers, good until clear_output or the next word.
        .def("ids", [](nb::handle self) {
            auto &encoder = nb::cast<TextEncoder &>(self);
            return nb::ndarray<nb::numpy, const std::int32_t, nb::ndim<1>>(encoder.ids(), {encoder.num_ids()}, self);
        })
        .def("sentence_ends", [](nb::handle self) {
            const auto &ends = nb::cast<TextEncoder &>(self).sentence_ends();
            return nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<1>>(ends.data(), {ends.size()}, self);
        })
        .def("clear_output", &TextEncoder::clear_output)
        .def("words", &words)
        .def_prop_ro("num_types", [](const TextEncoder &encoder) { return encoder.table().size(); })
        .def_prop_ro("num_tokens", &TextEncoder::num_tokens)
        .def_prop_ro("num_sentences", &TextEncoder::num_sentences)
        .def_prop_ro("problem_offset", &TextEncoder::problem_offset);
}
