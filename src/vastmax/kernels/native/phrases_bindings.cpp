// The Python face of phrases. Arguments are checked in vastmax/kernels/phrases.py, ids here: they come from files.
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "bindings.hpp"
#include "phrases.hpp"

using namespace vastmax;

namespace {

constexpr unsigned most_table_bits = 48; // 4 PB: no machine has so much, and shifts stay below 64

using Ids = Column<const int32_t>;
using Ends = Column<const int64_t>;
using Marks = Column<const uint8_t>;

// Null where no word is marked.
const uint8_t *checked_marks(const Marks &marks, int32_t num_words) {
    require(num_words >= 0, "num_words is negative");
    if (marks.length() == 0) return nullptr;
    require_shape("connectors", marks, {num_words});
    return marks.data();
}

unsigned checked_bits(unsigned bits) {
    require(bits >= 1 && bits <= most_table_bits, "most_bits is out of range");
    return bits;
}

// Refuses an id outside [low, high).
void check_id(int32_t id, int64_t low, int64_t high) {
    require_of_input(id >= low && id < high, "an id outside the vocabulary");
}

// Refuses ids outside [0, num_words), and ends that fall or lie outside the text.
Text checked(const Ids &ids, const Ends &ends, int32_t num_words) {
    const Text text{ids.data(), ids.length(), ends.data(), ends.length()};
    uint32_t largest = 0;
    for (int64_t i = 0; i < text.size; ++i) largest = std::max(largest, uint32_t(text.word_ids[i]));
    require_of_input(text.size == 0 || largest < uint32_t(num_words), "a word id outside the vocabulary");
    int64_t before = 0;
    for (int64_t s = 0; s < text.num_ends; ++s) {
        require_of_input(before <= text.ends[s] && text.ends[s] <= text.size, "sentence ends out of order");
        before = text.ends[s];
    }
    return text;
}

struct Counter {
    int32_t num_words;
    PairCounter counter;
    Counter(int32_t words, int32_t countable, const Marks &connectors, unsigned most_bits)
        : num_words(words), counter(words, countable, checked_marks(connectors, words), checked_bits(most_bits)) {}

    void feed(const Ids &ids, const Ends &ends) {
        nb::gil_scoped_release release;
        counter.feed(checked(ids, ends, num_words));
    }

    // (prefixes, words, counts) of the pairs that occur at least so often, in no order that means anything.
    std::tuple<Numbers<int32_t>, Numbers<int32_t>, Numbers<int64_t>> at_least(uint64_t least) const {
        std::vector<int32_t> prefixes, words;
        std::vector<int64_t> counts;
        {
            nb::gil_scoped_release release;
            for (const auto &slot : counter.table().slots()) {
                if (slot.key_plus_one == 0 || slot.value < least) continue;
                prefixes.push_back(int32_t((slot.key_plus_one - 1) >> 32));
                words.push_back(int32_t(slot.key_plus_one - 1));
                counts.push_back(int64_t(slot.value));
            }
        }
        return {copied(prefixes), copied(words), copied(counts)};
    }

    // (prefix before, connector) of the prefixes from num_words on.
    std::tuple<Numbers<int32_t>, Numbers<int32_t>> prefixes() const {
        std::vector<int32_t> before, connector;
        for (const auto &prefix : counter.prefixes()) {
            before.push_back(prefix.before);
            connector.push_back(prefix.connector);
        }
        return {copied(before), copied(connector)};
    }
};

struct Joiner {
    int32_t num_words, num_ids;
    PhraseJoiner joiner;
    Joiner(int32_t words, int32_t ids, const Marks &connectors)
        : num_words(words), num_ids(ids), joiner(words, checked_num_ids(), checked_marks(connectors, words)) {}

    // Every word may stand alone in what comes out.
    int32_t checked_num_ids() const {
        require(num_words >= 0 && num_ids >= num_words, "num_ids is less than num_words");
        return num_ids;
    }

    void add_prefixes(const Ids &before, const Ids &connectors, const Ids &longer) {
        require_shape("connectors", connectors, {before.length()});
        require_shape("longer", longer, {before.length()});
        for (size_t i = 0; i < before.shape(0); ++i) {
            check_id(before(i), 0, INT32_MAX);
            check_id(connectors(i), 0, num_words);
            check_id(longer(i), num_words, INT32_MAX);
            joiner.add_prefix(before(i), connectors(i), longer(i));
        }
    }
    void add_phrases(const Ids &prefixes, const Ids &words, const Ids &joined) {
        require_shape("words", words, {prefixes.length()});
        require_shape("joined", joined, {prefixes.length()});
        for (size_t i = 0; i < prefixes.shape(0); ++i) {
            check_id(prefixes(i), 0, INT32_MAX);
            check_id(words(i), 0, num_words);
            check_id(joined(i), 0, num_ids);
            joiner.add_phrase(prefixes(i), words(i), joined(i));
        }
    }

    void feed(const Ids &ids, const Ends &ends) {
        nb::gil_scoped_release release;
        joiner.feed(checked(ids, ends, num_words));
    }
};

} // namespace

void bind_phrases(nb::module_ &m) {
    nb::class_<Counter>(m, "PairCounter")
        .def(nb::init<int32_t, int32_t, const Marks &, unsigned>(), "num_words"_a, "num_countable"_a, "connectors"_a,
             "most_bits"_a)
        .def("feed", &Counter::feed, "ids"_a, "ends"_a)
        .def("finish_reading", [](Counter &self) { self.counter.finish_reading(); })
        .def("next_share", [](Counter &self) { return self.counter.next_share(); })
        .def("at_least", &Counter::at_least, "least"_a)
        .def("prefixes", &Counter::prefixes)
        .def_prop_ro("num_pairs", [](const Counter &self) { return self.counter.table().size(); })
        .def_prop_ro("num_slots", [](const Counter &self) { return self.counter.table().slots().size(); });

    nb::class_<Joiner>(m, "PhraseJoiner")
        .def(nb::init<int32_t, int32_t, const Marks &>(), "num_words"_a, "num_ids"_a, "connectors"_a)
        .def("add_prefixes", &Joiner::add_prefixes, "before"_a, "connectors"_a, "longer"_a)
        .def("add_phrases", &Joiner::add_phrases, "prefixes"_a, "words"_a, "joined"_a)
        .def("feed", &Joiner::feed, "ids"_a, "ends"_a)
        // Views of the joiner's own buffers, good until the next call.
        .def("ids", [](nb::handle_t<Joiner> self) { return view_of(nb::cast<Joiner &>(self).joiner.ids(), self); })
        .def("sentence_ends",
             [](nb::handle_t<Joiner> self) { return view_of(nb::cast<Joiner &>(self).joiner.sentence_ends(), self); })
        .def("clear_output", [](Joiner &self) { self.joiner.clear_output(); })
        .def("counts", [](const Joiner &self) { return copied(self.joiner.counts()); })
        .def("first_seen", [](const Joiner &self) { return copied(self.joiner.first_seen()); })
        .def_prop_ro("num_tokens", [](const Joiner &self) { return self.joiner.num_tokens(); });
}
