// The noise half of negative sampling for a block of inputs h that share one pool of P noise words: three small dense
// products (scores, gradients of the inputs, gradients of the noise words) on rows that stay near the core.
// Each noise word stands for K / P of every prediction, so that each gets K of them in expectation.
#pragma once

#include <algorithm>
#include <vector>

#include "embedding.hpp"
#include "logistic.hpp"
#include "mixing.hpp"
#include "scratch.hpp"
#include "strips.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {

// A tile of scores, as many sums as the registers hold: noise words × vectors of inputs.
constexpr int tile_words = lanes == 16 ? 8 : 4;
constexpr int tile_vecs = 2;

class NoiseBlock {
  public:
    // For at most `inputs` inputs, a multiple of tile_vecs * lanes, and pools of at most `largest_pool` words.
    NoiseBlock(int inputs, int largest_pool, int64_t stride)
        : inputs_(inputs), stride_(stride), pool_(largest_pool), pool_next_(largest_pool),
          columns_(Floats::zeros(inputs * stride)), rows_(Floats::zeros(largest_pool * stride)),
          scores_(Floats::zeros(int64_t(inputs) * largest_pool)), h_columns_(columns_.data()), noise_(rows_.data()),
          g_(scores_.data()) {
        VASTMAX_ASSERT(inputs % (tile_vecs * lanes) == 0);
    }

    // The pool of this block is the one drawn last time; the next one is drawn, so that its rows can be asked for.
    void draw(int32_t vocab_size, const NoiseLaw &law, Random &random) {
        pool_.swap(pool_next_);
        for (int32_t &word : pool_next_) {
            uint64_t r = random.next();
            uint32_t slot = Random::below(uint32_t(vocab_size), uint32_t(r >> 32));
            word = uint32_t(r) <= law.alias_threshold[slot] ? int32_t(slot) : law.alias_word[slot];
        }
    }
    // The first `pool_size` words of the pool are used, a multiple of 8.
    void use(int pool_size) {
        VASTMAX_ASSERT(pool_size % tile_words == 0 && size_t(pool_size) <= pool_.size());
        pool_size_ = pool_size;
    }
    int size() const { return pool_size_; }
    int32_t word(int j) const { return pool_[j]; }
    int32_t next_word(int j) const { return pool_next_[j]; }

    // Scores of h (count, stride) with the pool's rows of `output`, which are kept. Rows of h up to the next multiple of
    // `lanes` are read too.
    template <int units> void score(const float *h, int count, const float *output) {
        vecs_ = int(whole_vectors(count) / lanes);
        VASTMAX_ASSERT(vecs_ * lanes <= inputs_);
        for (int j = 0; j < pool_size_; ++j)
            copy_row<units>(noise_ + j * stride_, output + pool_[j] * stride_, stride_);
        for (int i = 0; i < vecs_ * lanes; i += lanes)
            for (int v = 0; v < row_vecs<units>(stride_); ++v) {
                Vec square[lanes];
                for (int k = 0; k < lanes; ++k) square[k] = load(h + (i + k) * stride_ + v * lanes);
                transpose(square);
                for (int k = 0; k < lanes; ++k) store(h_columns_ + (v * lanes + k) * inputs_ + i, square[k]);
            }
        for (int j = 0; j < pool_size_; j += tile_words) {
            int v = 0;
            for (; v + tile_vecs <= vecs_; v += tile_vecs) score_tile<units, tile_vecs>(j, v * lanes);
            if (v < vecs_) score_tile<units, 1>(j, v * lanes);
        }
    }

    // Turns the scores into what the rows are to move by: g[j, i] = -alpha * weight * sigma(score), where weight(j, i) are
    // the weights of noise word j for the inputs i .. i + lanes. Adds weight * -log sigma(-score) to the loss.
    template <typename F> void to_gradients(float alpha, Vec &loss, F weight) {
        for (int j = 0; j < pool_size_; ++j)
            for (int i = 0; i < vecs_ * lanes; i += lanes) {
                float *g = g_ + int64_t(j) * inputs_ + i;
                Vec w = weight(j, i);
                Logistic f = logistic(load(g));
                loss += w * f.softplus;
                store(g, w * f.sigmoid * -alpha);
            }
    }

    // total[r] += the noise words' part of the gradient of input i + r, columns d and on.
    template <int width, int inputs> void add_gradients(int64_t d, int i, Vec (*total)[width]) const {
        const float *noise = noise_ + d, *g = g_ + i;
        VASTMAX_ASSERT(i + inputs <= inputs_);
        for (int j = 0; j < pool_size_; ++j, noise += stride_, g += inputs_)
            for (int v = 0; v < width; ++v) {
                Vec row = load(noise + v * lanes);
                for (int r = 0; r < inputs; ++r) total[r][v] += broadcast(g[r]) * row;
            }
    }

    // noise word j += sum_i g[j, i] h_i; a word drawn twice gets both sums, one after the other.
    template <int units> void update_words(const float *h, int count, float *output) const {
        for (int j = 0; j < pool_size_; j += 2)
            for_strips<units>(stride_, [&](auto width, int d) { update_columns<width>(d, j, h, count, output); });
    }

  private:
    // g[j, i] = noise_j . h_i, inputs side by side in the vectors so that no sum runs across lanes.
    template <int units, int vecs> void score_tile(int j, int i) {
        Vec dot[tile_words][vecs] = {};
        const float *noise = noise_ + j * stride_, *h = h_columns_ + i;
        for (int d = 0; d < row_vecs<units>(stride_) * lanes; ++d, ++noise, h += inputs_)
            for (int w = 0; w < tile_words; ++w) {
                Vec scale = broadcast(noise[w * stride_]);
                for (int v = 0; v < vecs; ++v) dot[w][v] += scale * load(h + v * lanes);
            }
        for (int w = 0; w < tile_words; ++w)
            for (int v = 0; v < vecs; ++v) store(g_ + int64_t(j + w) * inputs_ + i + v * lanes, dot[w][v]);
    }

    template <int width> void update_columns(int64_t d, int j, const float *h, int count, float *output) const {
        Vec total[2][width] = {};
        const float *g = g_ + int64_t(j) * inputs_;
        h += d;
        for (int i = 0; i < count; ++i, h += stride_) {
            Vec first = broadcast(g[i]), second = broadcast(g[inputs_ + i]);
            for (int v = 0; v < width; ++v) {
                Vec input = load(h + v * lanes);
                total[0][v] += first * input;
                total[1][v] += second * input;
            }
        }
        for (int r = 0; r < 2; ++r) {
            float *row = output + pool_[j + r] * stride_ + d;
            for (int v = 0; v < width; ++v) store(row + v * lanes, load(row + v * lanes) + total[r][v]);
        }
    }

    const int inputs_;
    const int64_t stride_;
    std::vector<int32_t> pool_, pool_next_;
    const Floats columns_, rows_, scores_;
    float *h_columns_, *noise_, *g_; // (stride, inputs), (P, stride), (P, inputs)
    int pool_size_ = 0;              // P
    int vecs_ = 0;                   // of inputs
};

} // namespace vastmax::VASTMAX_TARGET
