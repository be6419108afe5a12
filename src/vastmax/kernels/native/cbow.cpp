// CBOW with negative sampling, hierarchical softmax or both (Mikolov et al. 2013); compiled once for each instruction set.
//
// The mean h of the vectors in a window predicts its centre c: with noise words w, each centre adds
//     -log sigma(h . u_c) - sum_{k <= K} log sigma(-h . u_{w_k}).
// A block of B centres shares one pool of P noise words. Neighbouring windows overlap, so sums over windows are
// differences of one running sum over the block's positions, and the contexts' gradients, which are sums over the windows
// that cover them, are found the same way: a centre costs a few rows, however wide its window.
// Multiply-adds a centre: 3 D P + 3 D, additions about 8 D; rows of the matrices read and written: one context, the centre's,
// P / B. Means and scores are those before the block; the rows of centres move one after the other.
//
// With hierarchical softmax h walks the path to c instead, or too: -log p(c | h), in tree_paths.hpp. Nodes move with each
// centre; means are those before the block.
#include "embedding.hpp"

#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

#include "inputs.hpp"
#include "noise_block.hpp"
#include "tree_paths.hpp"
#include "windows.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

class Trainer {
  public:
    Trainer(const EmbeddingModel &model, const EmbeddingSettings &settings)
        : model_(model), settings_(settings), stride_(model.stride),
          pool_size_(settings.num_pools ? settings.pool_sizes[0] : 0), inputs_(model),
          noise_(most_cbow_centres, pool_size_, stride_), means_(Floats::zeros(most_cbow_centres * stride_)),
          steps_(Floats::zeros(most_cbow_centres * stride_)), h_(means_.data()), e_(steps_.data()) {
        if (model.tree.num_nodes > 0) paths_ = std::make_unique<TreePaths>(model.tree, stride_);
        noise_.use(pool_size_);
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
            if (paths_) paths_->end_span();
        }
        if (paths_) result_.loss += paths_->finish();
        result_.words = windows_.words();
        result_.kept = windows_.kept();
        return result_;
    }

  private:
    // Trains the centres begin .. end - 1, block by block.
    void train_segment(int64_t begin, int64_t end, Random &random) {
        auto [first, last] = windows_.reach(begin, end);
        inputs_.take(windows_, first, last);
        for (; begin < end; begin += settings_.centres) {
            if (!choose_windows(begin, end)) continue;
            noise_.draw(model_.subsampling.vocab_size, model_.noise, random);
            with_units(stride_, [&](auto units) { block<units>(); });
        }
        inputs_.give_back();
    }

    float *input_row(int64_t position) const { return inputs_.row(windows_, position); }
    float *output_row(int32_t word_id) const { return model_.outputs + word_id * stride_; }

    // Lists, for each position of the block's reach, the centres whose windows open there, and those whose windows closed
    // just before it. Returns whether any centre has a context.
    bool choose_windows(int64_t begin, int64_t end) {
        begin_ = begin;
        count_ = int(std::min<int64_t>(settings_.centres, end - begin));
        std::tie(first_, end_) = windows_.reach(begin, begin + count_);
        opening_.assign(end_ - first_ + 1, none);
        closing_.assign(end_ - first_ + 1, none);
        int predictions = 0;
        for (int i = 0; i < most_cbow_centres; ++i) {
            centre_[i] = none;
            used_[i] = share_[i] = step_share_[i] = 0;
            if (i >= count_) continue;
            int64_t p = begin + i, from = windows_.window_begin(p), to = windows_.window_last(p) + 1;
            if (to - from == 1) continue;
            centre_[i] = windows_.word_id(p);
            used_[i] = 1;
            share_[i] = 1.0f / float(to - from - 1);
            step_share_[i] = settings_.sum_gradient ? 1.0f : share_[i];
            next_opening_[i] = opening_[from - first_];
            opening_[from - first_] = i;
            next_closing_[i] = closing_[to - first_];
            closing_[to - first_] = i;
            ++predictions;
        }
        result_.predictions += predictions;
        return predictions > 0;
    }

    template <int units> void block() {
        for_strips<units>(stride_, [&](auto width, int d) { average<width>(d); });
        if (settings_.negative > 0)
            sample<units>();
        else
            std::fill_n(e_, count_ * stride_, 0.0f);
        if (paths_) walk_paths();
        for_strips<units>(stride_, [&](auto width, int d) { move_contexts<width>(d); });
    }

    template <int units> void sample() {
        noise_.score<units>(h_, count_, model_.outputs);
        score_centres<units>();
        noise_.to_gradients(alpha_, loss_, NoiseWeights{*this});
        for (int i = 0; i < count_; i += 2) {
            prefetch_contexts(i);
            prefetch_contexts(i + 1);
            for_strips<units>(stride_, [&](auto width, int d) { step<width>(d, i); });
        }
        noise_.update_words<units>(h_, count_, model_.outputs);
        result_.loss += double(sum(loss_));
        loss_ = Vec{};
    }

    void walk_paths() {
        for (int i = 0; i < count_; ++i) {
            if (settings_.negative == 0) prefetch_contexts(i); // else they were asked for with the noise words
            paths_->prefetch(windows_, begin_ + i);
            const float *h = h_ + i * stride_;
            float *e = e_ + i * stride_;
            if (centre_[i] != none) paths_->walk(centre_[i], &h, &e, 1, step_share_[i], alpha_);
        }
    }

    // Asks for rows that the next block will want, a share for each centre of this one, so that the requests spread out:
    // contexts that come into reach and the pool while rows are moved, output rows of centres while scores are taken.
    VASTMAX_PREFETCHES void prefetch_contexts(int i) const {
        int64_t reach = begin_ + settings_.centres + i + settings_.window;
        inputs_.prefetch(windows_, reach);
        for (int j = i; j < noise_.size(); j += settings_.centres)
            prefetch_row(output_row(noise_.next_word(j)), stride_);
    }
    VASTMAX_PREFETCHES void prefetch_centre(int i) const {
        int64_t next = begin_ + settings_.centres + i;
        if (next < windows_.size()) prefetch_row(output_row(windows_.word_id(next)), stride_);
    }

    // h_i = mean of the rows in the window of centre i but its own: where the window opens, the running sum is put down;
    // where it closes, the difference is taken. The sum starts anew where no window is open.
    template <int width> void average(int64_t d) const {
        Vec running[width] = {};
        int open = 0;
        for (int64_t q = first_; q <= end_; ++q) {
            for (int i = closing_[q - first_]; i != none; i = next_closing_[i], --open) {
                const float *own = input_row(begin_ + i) + d;
                float *h = h_ + i * stride_ + d;
                for (int v = 0; v < width; ++v)
                    store(h + v * lanes, (running[v] - load(h + v * lanes) - load(own + v * lanes)) * share_[i]);
            }
            if (open == 0) std::fill_n(running, width, Vec{});
            for (int i = opening_[q - first_]; i != none; i = next_opening_[i], ++open)
                for (int v = 0; v < width; ++v) store(h_ + i * stride_ + d + v * lanes, running[v]);
            if (open == 0) continue;
            const float *row = input_row(q) + d;
            for (int v = 0; v < width; ++v) running[v] += load(row + v * lanes);
        }
    }

    // From the scores of the centres: g = alpha * (1 - sigma(score)) and the loss -log sigma(score).
    template <int units> void score_centres() {
        for (int first = 0; first < count_; first += lanes) {
            Vec dot[lanes] = {};
            for (int k = 0; k < std::min(lanes, count_ - first); ++k) {
                prefetch_centre(first + k);
                if (centre_[first + k] == none) continue;
                const float *h = h_ + (first + k) * stride_, *row = output_row(centre_[first + k]);
                for (int v = 0; v < row_vecs<units>(stride_); ++v)
                    dot[k] += load(h + v * lanes) * load(row + v * lanes);
            }
            Logistic f = logistic(-sum_each<lanes>(dot));
            Vec used = load(used_ + first);
            loss_ += used * f.softplus;
            store(g_ + first, used * f.sigmoid * alpha_);
        }
    }

    // What noise word j weighs for centres i .. i + lanes.
    struct NoiseWeights {
        const Trainer &t;
        Vec operator()(int j, int i) const {
            const float share = float(t.settings_.negative) / float(t.pool_size_);
            IntVec left_out = {};
            if (t.settings_.exclude == Exclude::target) {
                left_out = load(t.centre_ + i) == broadcast(t.noise_.word(j));
            } else if (t.settings_.exclude == Exclude::window) {
                alignas(64) int32_t marks[lanes] = {};
                t.windows_.mark(t.begin_ + i, std::min(lanes, t.count_ - i), t.noise_.word(j), marks);
                left_out = load(marks);
            }
            return left_out ? Vec{} : load(t.used_ + i) * share;
        }
    };

    // e = what the contexts of centres i and i + 1 move by, each; the rows of the centres move.
    template <int width> void step(int64_t d, int i) const {
        Vec total[2][width] = {};
        noise_.add_gradients<width, 2>(d, i, total);
        for (int r = i; r < std::min(i + 2, count_); ++r) {
            if (centre_[r] == none) continue;
            float *row = output_row(centre_[r]) + d, *e = e_ + r * stride_ + d;
            const float *h = h_ + r * stride_ + d;
            for (int v = 0; v < width; ++v) {
                Vec old = load(row + v * lanes);
                store(e + v * lanes, (total[r - i][v] + g_[r] * old) * step_share_[r]);
                store(row + v * lanes, old + g_[r] * load(h + v * lanes));
            }
        }
    }

    // Each context row += the sum of e over the windows that are open there, but for its own as a centre.
    template <int width> void move_contexts(int64_t d) const {
        Vec running[width] = {};
        int open = 0;
        for (int64_t q = first_; q < end_; ++q) {
            for (int i = closing_[q - first_]; i != none; i = next_closing_[i], --open)
                for (int v = 0; v < width; ++v) running[v] -= load(e_ + i * stride_ + d + v * lanes);
            if (open == 0) std::fill_n(running, width, Vec{});
            for (int i = opening_[q - first_]; i != none; i = next_opening_[i], ++open)
                for (int v = 0; v < width; ++v) running[v] += load(e_ + i * stride_ + d + v * lanes);
            if (open == 0) continue;
            float *row = input_row(q) + d;
            if (begin_ <= q && q < begin_ + count_ && centre_[q - begin_] != none) {
                const float *own = e_ + (q - begin_) * stride_ + d;
                for (int v = 0; v < width; ++v)
                    store(row + v * lanes, load(row + v * lanes) + (running[v] - load(own + v * lanes)));
            } else {
                for (int v = 0; v < width; ++v) store(row + v * lanes, load(row + v * lanes) + running[v]);
            }
        }
    }

    static constexpr int none = -1;

    const EmbeddingModel &model_;
    const EmbeddingSettings &settings_;
    const int64_t stride_;
    const int pool_size_;
    Windows windows_;
    Inputs inputs_;
    NoiseBlock noise_;
    std::unique_ptr<TreePaths> paths_;
    const Floats means_, steps_;
    float *h_, *e_; // (most_cbow_centres, stride)
    float alpha_ = 0;
    int64_t begin_ = 0;                  // of the block's centres, as a position
    int64_t first_ = 0, end_ = 0;        // of the positions in their windows
    int count_ = 0;                      // centres in this block
    std::vector<int> opening_, closing_; // by position from first_: the first in a list of centres, or none
    int next_opening_[most_cbow_centres], next_closing_[most_cbow_centres];
    alignas(64) int32_t centre_[most_cbow_centres]; // word ids; none for those without a context
    alignas(64) float used_[most_cbow_centres];     // 1 for a centre that is predicted, else 0
    float share_[most_cbow_centres], step_share_[most_cbow_centres];
    alignas(64) float g_[most_cbow_centres];
    Vec loss_ = {};
    ChunkResult result_ = {};
};

} // namespace

ChunkResult train_cbow(const EmbeddingModel &model, const EmbeddingSettings &settings, const Chunk &chunk) {
    return Trainer(model, settings).train(chunk);
}

} // namespace vastmax::VASTMAX_TARGET
