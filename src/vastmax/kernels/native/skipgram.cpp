// Skip-gram with negative sampling, hierarchical softmax or both (Mikolov et al. 2013); compiled once for each instruction
// set. With both, a span of words is trained by one and then by the other.
//
// Negative sampling.
// The centre word is the input: for a centre c with contexts o and noise words w, each pair adds
//     -log sigma(v_c . u_o) - sum_{k <= K} log sigma(-v_c . u_{w_k}).
// A block of B centres shares one pool of P noise words, each weighing K / P of every pair but those whose context it is,
// so the noise half of the work is three small dense products (scores, centre gradients, noise-word gradients) on rows
// that stay near the core. The positive half goes row by row. Operations a centre with n contexts: 3 D P + 3 D n
// multiply-adds; rows written: its own, n (shared by its neighbours, so in cache), P / B.
// Noise scores and centre rows are those before the block; context rows move with each centre.
#include "embedding.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "inputs.hpp"
#include "noise_block.hpp"
#include "tree_paths.hpp"
#include "windows.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

static_assert(most_skipgram_centres % (tile_vecs * lanes) == 0);

// Hierarchical softmax. The context word is the input and the path leads to the centre, as in word2vec: each pair
// (centre c, context o) adds -log p(c | v_o). The pairs are the same as with the centre for input, but so all contexts
// of a centre share its path.
class SkipgramPaths {
  public:
    SkipgramPaths(const Inputs &inputs, const Tree &tree, int64_t stride) : inputs_(inputs), paths_(tree, stride) {}

    // Trains the pairs of centres begin .. end - 1; returns how many there are.
    int64_t train(const Windows &windows, int64_t begin, int64_t end, float alpha) {
        int64_t pairs = 0;
        for (int64_t p = begin; p < end; ++p) {
            inputs_.prefetch(windows, p + furthest_prefetch);
            paths_.prefetch(windows, p);
            contexts_.clear();
            for (int64_t q = windows.window_begin(p); q <= windows.window_last(p); ++q)
                if (q != p) contexts_.push_back(inputs_.row(windows, q));
            if (contexts_.empty()) continue;
            paths_.walk(windows.word_id(p), contexts_.data(), contexts_.data(), int(contexts_.size()), 1.0f, alpha);
            pairs += int64_t(contexts_.size());
        }
        paths_.end_span();
        return pairs;
    }

    // See TreePaths::finish.
    double finish() { return paths_.finish(); }

  private:
    static constexpr int64_t furthest_prefetch = 12;

    const Inputs &inputs_;
    TreePaths paths_;
    std::vector<float *> contexts_; // rows of the words in a window
};

class Trainer {
  public:
    Trainer(const EmbeddingModel &model, const EmbeddingSettings &settings)
        : model_(model), settings_(settings), stride_(model.stride), inputs_(model),
          noise_(most_skipgram_centres, largest_pool(settings), stride_),
          centre_rows_(Floats::zeros(most_skipgram_centres * stride_)), h_(centre_rows_.data()) {
        if (model.tree.num_nodes > 0) paths_ = std::make_unique<SkipgramPaths>(inputs_, model.tree, stride_);
    }

    ChunkResult train(const Chunk &chunk) {
        Random random(chunk.seed);
        noise_.draw(model_.subsampling.vocab_size, model_.noise, random);
        for (int64_t s = 0; s < chunk.num_sentences;) {
            alpha_ = chunk.alpha(s);
            s = windows_.fill(model_.subsampling, chunk, s, settings_, random);
            const int64_t segment = inputs_.segment(windows_.size());
            for (int64_t begin = 0; begin < windows_.size(); begin += segment)
                train_segment(begin, std::min(begin + segment, windows_.size()), random);
        }
        if (paths_) result_.loss += paths_->finish();
        result_.words = windows_.words();
        result_.kept = windows_.kept();
        return result_;
    }

  private:
    static int largest_pool(const EmbeddingSettings &settings) {
        int largest = 0;
        for (int band = 0; band < settings.num_pools; ++band) largest = std::max(largest, settings.pool_sizes[band]);
        return largest;
    }

    // Trains the pairs of centres begin .. end - 1.
    void train_segment(int64_t begin, int64_t end, Random &random) {
        auto [first, last] = paths_ ? windows_.reach(begin, end) : std::pair(begin, end);
        inputs_.take(windows_, first, last);
        for (int band = 0; band < settings_.num_pools && band * band_width + 1 < windows_.longest_sentence(); ++band)
            train_band(band, begin, end, random);
        if (paths_) {
            int64_t pairs = paths_->train(windows_, begin, end, alpha_);
            if (settings_.negative == 0) result_.predictions += pairs;
        }
        inputs_.give_back();
    }

    // Trains those whose distance is in one band, block by block.
    void train_band(int band, int64_t begin, int64_t end, Random &random) {
        below_ = band * band_width;
        noise_.use(settings_.pool_sizes[band]);
        for (; begin < end; begin += settings_.centres) {
            int64_t pairs = choose_contexts(begin, end);
            if (pairs == 0) continue;
            result_.predictions += pairs;
            noise_.draw(model_.subsampling.vocab_size, model_.noise, random);
            with_units(stride_, [&](auto units) { block<units>(begin); });
        }
    }

    float *context_row(int32_t word_id) const { return model_.outputs + word_id * stride_; }

    int64_t choose_contexts(int64_t begin, int64_t end) {
        count_ = int(std::min<int64_t>(settings_.centres, end - begin));
        std::fill(&contexts_[0][0], &contexts_[0][0] + max_contexts * most_skipgram_centres, -1);
        int64_t pairs = 0;
        most_contexts_ = 0;
        for (int i = 0; i < most_skipgram_centres; ++i) {
            int n = i < count_ ? windows_.contexts(begin + i, below_, &contexts_[0][i], most_skipgram_centres) : 0;
            num_contexts_[i] = n;
            most_contexts_ = std::max(most_contexts_, n);
            pairs += n;
        }
        return pairs;
    }

    // Asks for rows that the next block will want, a share for each centre of this one, so that the requests spread out:
    // its centres, the contexts that come into reach, its pool.
    VASTMAX_PREFETCHES void prefetch(int64_t begin, int i) const {
        int64_t next = begin + settings_.centres + i, reach = next + std::min(settings_.window, below_ + band_width);
        inputs_.prefetch(windows_, next);
        if (reach < windows_.size()) prefetch_row(context_row(windows_.word_id(reach)), stride_);
        for (int j = i; j < noise_.size(); j += settings_.centres)
            prefetch_row(context_row(noise_.next_word(j)), stride_);
    }

    template <int units> void block(int64_t begin) {
        begin_ = begin;
        for (int i = 0; i < most_skipgram_centres;
             ++i) // rows past the end of the text repeat the last one; they weigh nothing
            copy_row<units>(h_ + i * stride_, inputs_.row(windows_, begin + std::min(i, count_ - 1)), stride_);
        noise_.score<units>(h_, most_skipgram_centres, model_.outputs);
        noise_.to_gradients(alpha_, loss_, NoiseWeights{*this});
        for (int i = 0; i < count_; ++i) {
            prefetch(begin, i);
            centre<units>(inputs_.row(windows_, begin + i), i);
        }
        noise_.update_words<units>(h_, most_skipgram_centres, model_.outputs);
        result_.loss += double(sum(loss_));
        loss_ = Vec{};
    }

    // What noise word j weighs for centres i .. i + lanes: K / P times the contexts it counts for.
    struct NoiseWeights {
        const Trainer &t;
        Vec operator()(int j, int i) const {
            const float share = float(t.settings_.negative) / float(t.noise_.size());
            IntVec counting = load(t.num_contexts_ + i), word = broadcast(t.noise_.word(j));
            if (t.settings_.exclude == Exclude::target) {
                for (int k = 0; k < t.most_contexts_; ++k) counting += load(t.contexts_[k] + i) == word; // true is -1
            } else if (t.settings_.exclude == Exclude::window) {
                alignas(64) int32_t marks[lanes] = {};
                t.windows_.mark(t.begin_ + i, std::clamp(t.count_ - i, 0, lanes), t.noise_.word(j), marks);
                counting &= ~load(marks);
            }
            return to_float(counting) * share;
        }
    };

    // All updates that centre i takes part in, but for those of the noise words.
    template <int units> void centre(float *own, int i) {
        const int n = num_contexts_[i];
        if (n == 0) return;
        float *rows[max_contexts];
        alignas(64) float g[max_contexts];
        for (int k = 0; k < n; ++k) rows[k] = context_row(contexts_[k][i]);
        positive_gradients<units>(h_ + i * stride_, rows, n, g);
        for_strips<units>(stride_, [&](auto width, int d) { apply<width>(d, i, own, rows, n, g); });
    }

    // From the rows' scores: g = alpha * (1 - sigma(score)) and the loss -log sigma(score) = softplus(-score). The scores
    // stay in registers, so they come out in the order of sum_each: that of row k in lane_of(k).
    static constexpr int group = 4, repeats = lanes / group;
    static constexpr int lane_of(int k) {
        int g = k / group, c = k % group;
        return g / repeats * lanes + c * repeats + g % repeats;
    }
    template <int units> void positive_gradients(const float *h, float *const *rows, int n, float *g) {
        static constexpr auto row_of_lane = [] {
            struct {
                alignas(64) int32_t at[max_contexts];
            } table{};
            for (int k = 0; k < max_contexts; ++k) table.at[lane_of(k)] = k;
            return table;
        }();
        static constexpr auto repeat_of_lane = [] {
            struct {
                alignas(64) int32_t at[lanes];
            } table{};
            for (int lane = 0; lane < lanes; ++lane) table.at[lane] = lane % repeats;
            return table;
        }();
        const int vecs = row_vecs<units>(stride_);
        for (int first_group = 0; first_group * group < n; first_group += repeats) {
            Vec scores = {};
            for (int repeat = 0; repeat < repeats && (first_group + repeat) * group < n; ++repeat) {
                int k = (first_group + repeat) * group;
                const float *row[group];
                for (int c = 0; c < group; ++c) row[c] = rows[std::min(k + c, n - 1)];
                Vec dot[group] = {};
                for (int v = 0; v < vecs; ++v) {
                    Vec own = load(h + v * lanes);
                    for (int c = 0; c < group; ++c) dot[c] += own * load(row[c] + v * lanes);
                }
                scores = load(repeat_of_lane.at) == broadcast(repeat) ? sum_each<group>(dot) : scores;
            }
            int at = first_group / repeats * lanes;
            IntVec used = load(row_of_lane.at + at) < broadcast(n);
            Logistic f = logistic(used ? -scores : Vec{});
            loss_ += used ? f.softplus : Vec{};
            store(g + at, f.sigmoid * alpha_);
        }
    }

    // own += sum_j g_noise[j, i] noise[j] + sum_k g[k] rows[k];  rows[k] += g[k] h_i
    template <int width> void apply(int64_t d, int i, float *own, float *const *rows, int n, const float *g) const {
        Vec total[1][width] = {}, input[width];
        const float *h = h_ + i * stride_ + d;
        noise_.add_gradients<width, 1>(d, i, total);
        for (int v = 0; v < width; ++v) input[v] = load(h + v * lanes);
        for (int k = 0; k < n; ++k) {
            Vec scale = broadcast(g[lane_of(k)]);
            float *row = rows[k] + d;
            for (int v = 0; v < width; ++v) {
                Vec old = load(row + v * lanes);
                total[0][v] += scale * old;
                store(row + v * lanes, old + scale * input[v]);
            }
        }
        own += d;
        for (int v = 0; v < width; ++v) store(own + v * lanes, load(own + v * lanes) + total[0][v]);
    }

    const EmbeddingModel &model_;
    const EmbeddingSettings &settings_;
    const int64_t stride_;
    Windows windows_;
    Inputs inputs_;
    NoiseBlock noise_;
    std::unique_ptr<SkipgramPaths> paths_;
    const Floats centre_rows_;
    float *h_; // (most_skipgram_centres, stride)
    float alpha_ = 0;
    int below_ = 0;     // the band's distances lie above this
    int64_t begin_ = 0; // of the block, as a position
    int count_ = 0;     // centres in this block
    int most_contexts_ = 0;
    int32_t num_contexts_[most_skipgram_centres],
        contexts_[max_contexts][most_skipgram_centres]; // contexts are -1 beyond each centre's number
    Vec loss_ = {};
    ChunkResult result_ = {};
};

} // namespace

ChunkResult train_skipgram(const EmbeddingModel &model, const EmbeddingSettings &settings, const Chunk &chunk) {
    return Trainer(model, settings).train(chunk);
}

} // namespace vastmax::VASTMAX_TARGET
