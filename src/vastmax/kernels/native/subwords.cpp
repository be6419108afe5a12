// The character n-grams of words, hashed as fastText hashes them (Bojanowski et al. 2017; Dictionary::computeSubwords), and
// the means of rows that words and n-grams have.
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "bindings.hpp"

using namespace vastmax;

namespace {

struct NGrams {
    int64_t min_n, max_n; // in characters
    uint32_t buckets;
};

// FNV-1a of 32 bits; fastText widens each byte as a signed one.
constexpr uint32_t fnv_start = 2166136261u, fnv_prime = 16777619u;
uint32_t hashed(uint32_t hash, char byte) { return (hash ^ uint32_t(int32_t(int8_t(byte)))) * fnv_prime; }

bool begins_character(char byte) { return (byte & 0xC0) != 0x80; }

// The text "<word>" and where its characters begin, in memory that is used again.
class Marked {
  public:
    void set(const uint8_t *word, int64_t size) {
        text_.assign(1, '<');
        text_.append(reinterpret_cast<const char *>(word), size_t(size)).push_back('>');
        begins_.clear();
        for (size_t i = 0; i < text_.size(); ++i)
            if (begins_character(text_[i])) begins_.push_back(int64_t(i));
        begins_.push_back(int64_t(text_.size()));
        is_sentence_end_ = text_ == "<</s>>"; // the one word that has no n-grams in fastText
    }
    int64_t characters() const { return int64_t(begins_.size()) - 1; }

    // Calls f(bucket) for each n-gram, those with the same first character together, shortest first. "<" and ">" alone
    // are none.
    template <typename F> void each(const NGrams &n, F f) const {
        if (is_sentence_end_) return;
        const int64_t length = characters();
        for (int64_t first = 0; first < length; ++first) {
            uint32_t hash = fnv_start;
            for (int64_t size = 1; size <= n.max_n && first + size <= length; ++size) {
                for (int64_t i = begins_[size_t(first + size - 1)]; i < begins_[size_t(first + size)]; ++i)
                    hash = hashed(hash, text_[size_t(i)]);
                const bool is_mark = size == 1 && (first == 0 || first + 1 == length);
                if (size >= n.min_n && !is_mark) f(int32_t(hash % n.buckets));
            }
        }
    }

  private:
    std::string text_;
    std::vector<int64_t> begins_;
    bool is_sentence_end_ = false;
};

// (offsets, buckets): the n-grams of word w are buckets[offsets[w] .. offsets[w + 1]).
std::tuple<Numbers<int64_t>, Numbers<int32_t>>
ngram_buckets(Column<const uint8_t> blob, Column<const int64_t> word_offsets, int min_n, int max_n, int buckets) {
    require(1 <= min_n && min_n <= max_n, "1 <= min_n <= max_n is needed");
    require(buckets >= 1, "there must be a bucket");
    require(is_partition(word_offsets.data(), word_offsets.length(), blob.length()), "words must cover the blob");
    const int64_t V = word_offsets.length() - 1;
    const NGrams n{min_n, max_n, uint32_t(buckets)};
    std::vector<int64_t> offsets(size_t(V) + 1);
    std::vector<int32_t> found;
    {
        nb::gil_scoped_release without_gil;
        Marked marked;
        for (int64_t word = 0; word < V; ++word) {
            const int64_t begin = word_offsets.data()[word], end = word_offsets.data()[word + 1];
            marked.set(blob.data() + begin, end - begin);
            marked.each(n, [&](int32_t bucket) { found.push_back(bucket); });
            offsets[size_t(word) + 1] = int64_t(found.size());
        }
    }
    return {copied(offsets), copied(found)};
}

// Rows that are contiguous, and may be part of wider ones.
using Rows = Array<const float, 2, true>;

// out[w] = the mean of the rows of word w: those below V are in `words`, the others in `ngrams`.
void mean_rows(Rows words, Rows ngrams, Column<const int64_t> offsets, Column<const int32_t> rows, Matrix<float> out) {
    const int64_t V = words.length(), D = words.size(1), count = offsets.length() - 1;
    require_shape("ngrams", ngrams, {ngrams.length(), D});
    require_shape("out", out, {count, D});
    require((words.stride(1) == 1 && ngrams.stride(1) == 1) || D == 1, "rows that are contiguous were expected");
    require(is_partition(offsets.data(), offsets.length(), rows.length()), "offsets must cover the rows");
    require(all_below(rows.data(), rows.length(), V + ngrams.length()), "a row is out of range");
    nb::gil_scoped_release without_gil;
    for (int64_t word = 0; word < count; ++word) {
        const int64_t begin = offsets.data()[word], end = offsets.data()[word + 1];
        float *const mean = out.data() + word * D;
        std::fill_n(mean, D, 0.0f);
        for (int64_t r = begin; r < end; ++r) {
            const int64_t id = rows.data()[r];
            const float *row =
                id < V ? words.data() + id * words.stride(0) : ngrams.data() + (id - V) * ngrams.stride(0);
            for (int64_t d = 0; d < D; ++d) mean[d] += row[d];
        }
        const float share = end > begin ? 1.0f / float(end - begin) : 0.0f;
        for (int64_t d = 0; d < D; ++d) mean[d] *= share;
    }
}

} // namespace

void bind_subwords(nb::module_ &m) {
    m.def("ngram_buckets", &ngram_buckets, "blob"_a, "word_offsets"_a, "min_n"_a, "max_n"_a, "buckets"_a);
    m.def("mean_rows", &mean_rows, "words"_a, "ngrams"_a, "offsets"_a, "rows"_a, "out"_a);
}
