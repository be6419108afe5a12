// The Python face of phrases. Arguments are checked in vastmax/kernels/phrases.py, ids here: they come from files.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "owned_array.hpp"
#include "phrases.hpp"

namespace nb = nanobind;
using vastmax::PairCounter;
using vastmax::PhraseJoiner;
using vastmax::Text;

namespace {

constexpr unsigned most_table_bits = 48; // 4 PB: no machine has so much, and shifts stay below 64

template <class T> using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Marks = In<std::uint8_t>;

// Null where no word is marked.
const std::uint8_t *checked_marks(const Marks &marks, std::int32_t num_words) {
    if (num_words < 0) throw nb::value_error("num_words is negative");
    if (marks.shape(0) == 0) return nullptr;
    if (marks.shape(0) != std::size_t(num_words)) throw nb::value_error("a mark for each word was expected");
    return marks.data();
}

unsigned checked_bits(unsigned bits) {
    if (bits < 1 || bits > most_table_bits) throw nb::value_error("most_bits is out of range");
    return bits;
}

void check_triples(const In<std::int32_t> &first, const In<std::int32_t> &second, const In<std::int32_t> &made) {
    if (first.shape(0) != second.shape(0) || first.shape(0) != made.shape(0))
        throw nb::value_error("three arrays of one length were expected");
}
// Throws on an id outside [low, high).
void check_id(std::int32_t id, std::int64_t low, std::int64_t high) {
    if (id < low || id >= high) throw nb::index_error("an id outside the vocabulary");
}

// Throws on ids outside [0, num_words) and on ends that fall or lie outside the text.
Text checked(const In<std::int32_t> &ids, const In<std::int64_t> &ends, std::int32_t num_words) {
    const Text text{ids.data(), std::int64_t(ids.shape(0)), ends.data(), std::int64_t(ends.shape(0))};
    std::uint32_t largest = 0;
    for (std::int64_t i = 0; i < text.size; ++i) largest = std::max(largest, std::uint32_t(text.word_ids[i]));
    if (text.size != 0 && largest >= std::uint32_t(num_words)) throw nb::index_error("a word id outside the vocabulary");
    std::int64_t before = 0;
    for (std::int64_t s = 0; s < text.num_ends; ++s) {
        if (text.ends[s] < before || text.ends[s] > text.size) throw nb::index_error("sentence ends out of order");
        before = text.ends[s];
    }
    return text;
}

template <class T> nb::object copied(const std::vector<T> &values) {
    std::unique_ptr<T[]> copy(new T[values.size()]);
    std::copy(values.begin(), values.end(), copy.get());
    return owned_array(std::move(copy), values.size());
}

struct Counter {
    std::int32_t num_words;
    PairCounter counter;
    Counter(std::int32_t words, std::int32_t countable, const Marks &connectors, unsigned most_bits)
        : num_words(words), counter(words, countable, checked_marks(connectors, words), checked_bits(most_bits)) {}

    void feed(const In<std::int32_t> &ids, const In<std::int64_t> &ends) {
        nb::gil_scoped_release release;
        counter.feed(checked(ids, ends, num_words));
    }

    // (prefixes, words, counts) of the pairs that occur at least so often, in no order that means anything.
    nb::tuple at_least(std::uint64_t least) const {
        std::vector<std::int32_t> prefixes, words;
        std::vector<std::int64_t> counts;
        {
            nb::gil_scoped_release release;
            for (const auto &slot : counter.table().slots()) {
                if (slot.key_plus_one == 0 || slot.value < least) continue;
                prefixes.push_back(std::int32_t((slot.key_plus_one - 1) >> 32));
                words.push_back(std::int32_t(slot.key_plus_one - 1));
                counts.push_back(std::int64_t(slot.value));
            }
        }
        return nb::make_tuple(copied(prefixes), copied(words), copied(counts));
    }

    // (prefix before, connector) of the prefixes from num_words on.
    nb::tuple prefixes() const {
        std::vector<std::int32_t> before, connector;
        for (const auto &prefix : counter.prefixes()) {
            before.push_back(prefix.before);
            connector.push_back(prefix.connector);
        }
        return nb::make_tuple(copied(before), copied(connector));
    }
};

struct Joiner {
    std::int32_t num_words, num_ids;
    PhraseJoiner joiner;
    Joiner(std::int32_t words, std::int32_t ids, const Marks &connectors)
        : num_words(words), num_ids(ids), joiner(words, checked_num_ids(), checked_marks(connectors, words)) {}

    // Every word may stand alone in what comes out.
    std::int32_t checked_num_ids() const {
        if (num_words < 0 || num_ids < num_words) throw nb::value_error("num_ids is less than num_words");
        return num_ids;
    }

    void add_prefixes(const In<std::int32_t> &before, const In<std::int32_t> &connectors, const In<std::int32_t> &longer) {
        check_triples(before, connectors, longer);
        for (std::size_t i = 0; i < before.shape(0); ++i) {
            check_id(before(i), 0, INT32_MAX);
            check_id(connectors(i), 0, num_words);
            check_id(longer(i), num_words, INT32_MAX);
            joiner.add_prefix(before(i), connectors(i), longer(i));
        }
    }
    void add_phrases(const In<std::int32_t> &prefixes, const In<std::int32_t> &words, const In<std::int32_t> &joined) {
        check_triples(prefixes, words, joined);
        for (std::size_t i = 0; i < prefixes.shape(0); ++i) {
            check_id(prefixes(i), 0, INT32_MAX);
            check_id(words(i), 0, num_words);
            check_id(joined(i), 0, num_ids);
            joiner.add_phrase(prefixes(i), words(i), joined(i));
        }
    }

    void feed(const In<std::int32_t> &ids, const In<std::int64_t> &ends) {
        nb::gil_scoped_release release;
        joiner.feed(checked(ids, ends, num_words));
    }
};

} // namespace

void bind_phrases(nb::module_ &m) {
    nb::class_<Counter>(m, "PairCounter")
        .def(nb::init<std::int32_t, std::int32_t, const Marks &, unsigned>(), nb::arg("num_words"),
             nb::arg("num_countable"), nb::arg("connectors").noconvert(), nb::arg("most_bits"))
        .def("feed", &Counter::feed, nb::arg("ids").noconvert(), nb::arg("ends").noconvert())
        .def("finish_reading", [](Counter &self) { self.counter.finish_reading(); })
        .def("next_share", [](Counter &self) { return self.counter.next_share(); })
        .def("at_least", &Counter::at_least, nb::arg("least"))
        .def("prefixes", &Counter::prefixes)
        .def_prop_ro("num_pairs", [](const Counter &self) { return self.counter.table().size(); })
        .def_prop_ro("num_slots", [](const Counter &self) { return self.counter.table().slots().size(); });

    nb::class_<Joiner>(m, "PhraseJoiner")
        .def(nb::init<std::int32_t, std::int32_t, const Marks &>(), nb::arg("num_words"), nb::arg("num_ids"),
             nb::arg("connectors").noconvert())
        .def("add_prefixes", &Joiner::add_prefixes, nb::arg("before").noconvert(), nb::arg("connectors").noconvert(),
             nb::arg("longer").noconvert())
        .def("add_phrases", &Joiner::add_phrases, nb::arg("prefixes").noconvert(), nb::arg("words").noconvert(),
             nb::arg("joined").noconvert())
        .def("feed", &Joiner::feed, nb::arg("ids").noconvert(), nb::arg("ends").noconvert())
        // Views of the joiner's own buffers, good until the next call.
        .def("ids", [](nb::handle self) {
            const auto &ids = nb::cast<Joiner &>(self).joiner.ids();
            return nb::ndarray<nb::numpy, const std::int32_t, nb::ndim<1>>(ids.data(), {ids.size()}, self);
        })
        .def("sentence_ends", [](nb::handle self) {
            const auto &ends = nb::cast<Joiner &>(self).joiner.sentence_ends();
            return nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<1>>(ends.data(), {ends.size()}, self);
        })
        .def("clear_output", [](Joiner &self) { self.joiner.clear_output(); })
        .def("counts", [](const Joiner &self) { return copied(self.joiner.counts()); })
        .def("first_seen", [](const Joiner &self) { return copied(self.joiner.first_seen()); })
        .def_prop_ro("num_tokens", [](const Joiner &self) { return self.joiner.num_tokens(); });
}
