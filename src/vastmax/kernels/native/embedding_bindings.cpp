// The Python face of the kernels that train word vectors. A model and its settings are checked once, where they are
// made; a call brings a chunk of text.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>

#include "bindings.hpp"
#include "embedding.hpp"

using namespace vastmax;

namespace {

using Rows = Matrix<float>;

// No window or pool is larger, so that sums of a few of them are no matter.
constexpr int most_window = 1 << 24, most_pool = 1 << 24;
// Nor is a sentence: positions are 32 bits wide.
constexpr int64_t most_sentence = int64_t(1) << 30;

// A tree whose nodes have no row is none.
Tree checked_tree(int64_t V, const Rows &words, const Rows &nodes, const Column<const int64_t> &path_offsets,
                  const Column<const int32_t> &path_edges, int visits_per_exchange) {
    const int64_t num_nodes = nodes.length(), *offsets = path_offsets.data();
    require_shape("nodes", nodes, {num_nodes, words.size(1)});
    require(visits_per_exchange >= 0, "visits_per_exchange must not be negative");
    int64_t longest = 0;
    if (num_nodes > 0) {
        require_shape("path_offsets", path_offsets, {V + 1});
        require(is_partition(offsets, V + 1, path_edges.length()), "paths must cover the edges");
        require(all_below(path_edges.data(), path_edges.length(), 2 * num_nodes), "an edge is not in the tree");
        int64_t shortest = offsets[1];
        for (int64_t word = 0; word < V; ++word) {
            shortest = std::min(shortest, offsets[word + 1] - offsets[word]);
            longest = std::max(longest, offsets[word + 1] - offsets[word]);
        }
        require(shortest >= 1 && longest <= INT32_MAX, "a path has no edge, or 2^31 or more");
    }
    return {nodes.data(), num_nodes, offsets, path_edges.data(), longest, visits_per_exchange};
}

// Subwords without offsets are none. Each word has at least one row, and 2^31 at most.
Subwords checked_subwords(int64_t V, const Rows &words, const Column<const int64_t> &offsets,
                          const Column<const int32_t> &rows, int64_t segment) {
    if (offsets.length() == 0) return {nullptr, nullptr, 0};
    require(is_partition(offsets.data(), V + 1, rows.length()), "subword_offsets must cover the rows");
    for (int64_t word = 0; word < V; ++word)
        require(offsets.data()[word] < offsets.data()[word + 1], "a word has no row");
    require(all_below(rows.data(), rows.length(), words.length()), "a row of a word is not in the matrix");
    require(segment > 0, "a segment must have a centre");
    return {offsets.data(), rows.data(), segment};
}

// The arrays of a model, kept as long as it is.
class Model {
  public:
    Model(Rows words, Rows outputs, Column<const uint32_t> keep_threshold, Column<const uint32_t> alias_threshold,
          Column<const int32_t> alias_word, Rows nodes, Column<const int64_t> path_offsets,
          Column<const int32_t> path_edges, int visits_per_exchange, Column<const int64_t> subword_offsets,
          Column<const int32_t> subword_rows, int64_t segment)
        : words_(words), outputs_(outputs), nodes_(nodes), keep_threshold_(keep_threshold),
          alias_threshold_(alias_threshold), alias_word_(alias_word), path_offsets_(path_offsets),
          path_edges_(path_edges), subword_offsets_(subword_offsets), subword_rows_(subword_rows) {
        const bool by_rows = subword_offsets.length() > 0;
        const int64_t V = by_rows ? subword_offsets.length() - 1 : words.length(), stride = words.size(1);
        require(V > 0 && V < (int64_t(1) << 31), "vocabulary size must be in 1 .. 2^31 - 1");
        require(stride > 0 && stride % row_alignment == 0, "rows must be padded to a multiple of 16 floats");
        if (outputs.length() > 0) require_shape("outputs", outputs, {V, stride});
        require_shape("keep_threshold", keep_threshold, {V});
        require_shape("alias_threshold", alias_threshold, {V});
        require_shape("alias_word", alias_word, {V});
        require(all_below(alias_word.data(), V, V), "an alias is no word");
        model_ = {words.data(),
                  outputs.data(),
                  stride,
                  {int32_t(V), keep_threshold.data()},
                  {alias_threshold.data(), alias_word.data()},
                  checked_tree(V, words, nodes, path_offsets, path_edges, visits_per_exchange),
                  checked_subwords(V, words, subword_offsets, subword_rows, segment)};
    }
    const EmbeddingModel &get() const { return model_; }
    bool has_outputs() const { return outputs_.length() > 0; }

  private:
    Rows words_, outputs_, nodes_;
    Column<const uint32_t> keep_threshold_, alias_threshold_;
    Column<const int32_t> alias_word_;
    Column<const int64_t> path_offsets_, subword_offsets_;
    Column<const int32_t> path_edges_, subword_rows_;
    EmbeddingModel model_;
};

class Settings {
  public:
    Settings(int window, int negative, std::vector<int32_t> pool_sizes, int centres, bool sum_gradient, int exclude,
             bool fixed_window)
        : pool_sizes_(std::move(pool_sizes)) {
        require(window > 0 && window <= most_window, "window must be in 1 .. 2^24");
        require(negative >= 0, "negative must not be below 0");
        require(pool_sizes_.empty() == (negative == 0), "there are pools of noise words just with negative sampling");
        for (const int32_t size : pool_sizes_)
            require(size > 0 && size % 8 == 0 && size <= most_pool,
                    "pool sizes must be positive multiples of 8, at most 2^24");
        require(exclude >= 0 && exclude <= int(Exclude::window), "exclude must be 0 (none), 1 (target) or 2 (window)");
        settings_ = {window,  negative,     pool_sizes_.data(), int32_t(pool_sizes_.size()),
                     centres, sum_gradient, Exclude(exclude),   fixed_window};
    }
    Settings(const Settings &) = delete;
    const EmbeddingSettings &get() const { return settings_; }

  private:
    std::vector<int32_t> pool_sizes_;
    EmbeddingSettings settings_;
};

Chunk checked_chunk(const Column<const int32_t> &word_ids, const Column<const int64_t> &sentence_offsets,
                    float alpha_begin, float alpha_end, uint64_t seed) {
    require(sentence_offsets.length() > 0, "sentence_offsets must not be empty");
    const int64_t num_sentences = sentence_offsets.length() - 1, *offsets = sentence_offsets.data();
    require(offsets[0] >= 0, "sentence_offsets must not be negative");
    for (int64_t s = 0; s < num_sentences; ++s) {
        require(offsets[s] <= offsets[s + 1], "sentence_offsets must not fall");
        require(offsets[s + 1] - offsets[s] <= most_sentence, "a sentence has more than 2^30 words");
    }
    require(offsets[num_sentences] - offsets[0] <= word_ids.length(), "sentence_offsets run past word_ids");
    for (int64_t k = 0; k < word_ids.length(); ++k) require(word_ids.data()[k] >= 0, "word ids must not be negative");
    return {word_ids.data(), offsets, num_sentences, alpha_begin, alpha_end, seed};
}

using Train = ChunkResult(const EmbeddingModel &, const EmbeddingSettings &, const Chunk &);
// (words, kept, predictions, loss)
using Result = std::tuple<int64_t, int64_t, int64_t, double>;

Result train(Train *kernel, const Model &model, const Settings &settings, const Chunk &chunk) {
    require(model.has_outputs() == (settings.get().negative > 0), "there are outputs just with negative sampling");
    const ChunkResult result = run_kernel(kernel, model.get(), settings.get(), chunk);
    return {result.words, result.kept, result.predictions, result.loss};
}

Result train_skipgram(const std::string &target, const Model &model, const Settings &settings,
                      Column<const int32_t> word_ids, Column<const int64_t> sentence_offsets, float alpha_begin,
                      float alpha_end, uint64_t seed) {
    const EmbeddingSettings &s = settings.get();
    require(s.centres > 0 && s.centres <= most_skipgram_centres, "centres must be in 1 .. most_skipgram_centres");
    require(s.num_pools == (s.negative > 0 ? (s.window + band_width - 1) / band_width : 0),
            "there must be a pool per band of distances");
    return train(VASTMAX_KERNEL(target, train_skipgram), model, settings,
                 checked_chunk(word_ids, sentence_offsets, alpha_begin, alpha_end, seed));
}

Result train_cbow(const std::string &target, const Model &model, const Settings &settings,
                  Column<const int32_t> word_ids, Column<const int64_t> sentence_offsets, float alpha_begin,
                  float alpha_end, uint64_t seed) {
    const EmbeddingSettings &s = settings.get();
    require(s.centres > 0 && s.centres <= most_cbow_centres, "centres must be in 1 .. most_cbow_centres");
    require(s.num_pools <= 1, "there must be one pool");
    return train(VASTMAX_KERNEL(target, train_cbow), model, settings,
                 checked_chunk(word_ids, sentence_offsets, alpha_begin, alpha_end, seed));
}

} // namespace

void bind_embedding(nb::module_ &m) {
    m.attr("row_alignment") = row_alignment;
    m.attr("band_width") = band_width;
    m.attr("most_skipgram_centres") = most_skipgram_centres;
    m.attr("most_cbow_centres") = most_cbow_centres;
    nb::class_<Model>(m, "EmbeddingModel")
        .def(nb::init<Rows, Rows, Column<const uint32_t>, Column<const uint32_t>, Column<const int32_t>, Rows,
                      Column<const int64_t>, Column<const int32_t>, int, Column<const int64_t>, Column<const int32_t>,
                      int64_t>(),
             nb::kw_only(), "words"_a, "outputs"_a, "keep_threshold"_a, "alias_threshold"_a, "alias_word"_a, "nodes"_a,
             "path_offsets"_a, "path_edges"_a, "visits_per_exchange"_a, "subword_offsets"_a, "subword_rows"_a,
             "segment"_a);
    nb::class_<Settings>(m, "EmbeddingSettings")
        .def(nb::init<int, int, std::vector<int32_t>, int, bool, int, bool>(), nb::kw_only(), "window"_a, "negative"_a,
             "pool_sizes"_a, "centres"_a, "sum_gradient"_a, "exclude"_a, "fixed_window"_a = false);
    m.def("train_skipgram", &train_skipgram, "target"_a, "model"_a, "settings"_a, "word_ids"_a, "sentence_offsets"_a,
          "alpha_begin"_a, "alpha_end"_a, "seed"_a);
    m.def("train_cbow", &train_cbow, "target"_a, "model"_a, "settings"_a, "word_ids"_a, "sentence_offsets"_a,
          "alpha_begin"_a, "alpha_end"_a, "seed"_a);
}
