// Skip-gram with negative sampling (Mikolov et al. 2013); compiled once for each instruction set.
//
// The centre word is the input: for a centre c with contexts o and noise words w, each pair adds
//     -log sigma(v_c . u_o) - sum_{k <= K} log sigma(-v_c . u_{w_k}).
// A block of `block_size` centres shares one pool of P noise words, each weighing K / P of every pair but those whose
// context it is, so the noise half of the work is three small dense products (scores, centre gradients, noise-word
// gradients) on rows that stay in the first-level cache. The positive half goes row by row. Operations a centre with n
// contexts: 3 D P + 3 D n multiply-adds; rows written: its own, n (shared by the neighbours, so in cache), P / 16.
// The noise scores of a block are those before the block's updates.
#include "skipgram.hpp"

#include <algorithm>
#include <vector>

#include "logistic.hpp"
#include "random.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int max_positives = 16; // contexts whose scores are computed together
constexpr int vecs_per_unit = row_alignment / lanes;

// Rows and columns of a tile of scores: as many sums at once as fit one vector.
constexpr int tile_rows = lanes == 16 ? 4 : 2;
constexpr int tile_columns = lanes / tile_rows;

struct Position {
    int32_t word_id;
    int32_t first, last; // its sentence, as positions among the kept words
};

class Trainer {
  public:
    Trainer(const SkipgramModel &model, const SkipgramSettings &settings)
        : model_(model), settings_(settings), stride_(model.stride), pool_(settings.pool_size), pool_next_(settings.pool_size),
          centre_rows_(block_size * stride_ + row_alignment), noise_rows_(settings.pool_size * stride_ + row_alignment),
          scores_(block_size * settings.pool_size + row_alignment) {
        h_ = aligned(centre_rows_);
        noise_ = aligned(noise_rows_);
        g_ = aligned(scores_);
    }

    ChunkResult train(const Chunk &chunk) {
        Random random(chunk.seed);
        subsample(chunk, random);
        int64_t n = int64_t(positions_.size());
        if (n == 0) return result_;
        draw_pool(random);
        for (int64_t begin = 0; begin < n; begin += block_size) {
            float progress = float(begin) / float(n);
            float alpha = chunk.alpha_begin + (chunk.alpha_end - chunk.alpha_begin) * progress;
            pool_.swap(pool_next_);
            draw_pool(random);
            prefetch(begin + block_size, std::min(begin + 2 * block_size, n));
            choose_windows(begin, std::min(begin + block_size, n), random);
            switch (stride_ / row_alignment) {
            case 1: block<1>(begin, alpha); break;
            case 2: block<2>(begin, alpha); break;
            case 3: block<3>(begin, alpha); break;
            case 4: block<4>(begin, alpha); break;
            case 5: block<5>(begin, alpha); break;
            case 6: block<6>(begin, alpha); break;
            case 7: block<7>(begin, alpha); break;
            case 8: block<8>(begin, alpha); break;
            default: block<0>(begin, alpha);
            }
        }
        return result_;
    }

  private:
    static float *aligned(std::vector<float> &v) {
        auto address = reinterpret_cast<uintptr_t>(v.data());
        return v.data() + (64 - address % 64) % 64 / sizeof(float);
    }
    float *centre_row(int32_t word_id) const { return model_.centre + word_id * stride_; }
    float *context_row(int32_t word_id) const { return model_.context + word_id * stride_; }

    // Drops words outside the vocabulary and, by chance, frequent ones; what is left forms the windows.
    void subsample(const Chunk &chunk, Random &random) {
        for (int64_t s = 0; s < chunk.num_sentences; ++s) {
            int64_t begin = chunk.sentence_offsets[s] - chunk.offset_origin;
            int64_t end = chunk.sentence_offsets[s + 1] - chunk.offset_origin;
            auto first = int32_t(positions_.size());
            for (int64_t k = begin; k < end; ++k) {
                int32_t word_id = chunk.word_ids[k];
                if (word_id >= model_.vocab_size) continue;
                ++result_.words;
                if (uint32_t(random.next() >> 32) <= model_.keep_threshold[word_id])
                    positions_.push_back({word_id, first, 0});
            }
            auto last = int32_t(positions_.size()) - 1;
            for (int32_t k = first; k <= last; ++k) positions_[k].last = last;
        }
        result_.kept = int64_t(positions_.size());
    }

    void draw_pool(Random &random) {
        for (int32_t &word_id : pool_next_) {
            uint64_t r = random.next();
            uint32_t slot = Random::below(uint32_t(model_.vocab_size), uint32_t(r >> 32));
            word_id = uint32_t(r) <= model_.alias_threshold[slot] ? int32_t(slot) : model_.alias_word[slot];
        }
    }

    void choose_windows(int64_t begin, int64_t end, Random &random) {
        count_ = int(end - begin);
        for (int i = 0; i < block_size; ++i) {
            if (i >= count_) {
                window_first_[i] = 0, window_last_[i] = -1, contexts_[i] = 0;
                continue;
            }
            const Position &p = positions_[begin + i];
            auto width = int64_t(1 + Random::below(uint32_t(settings_.window), uint32_t(random.next() >> 32)));
            window_first_[i] = int32_t(std::max<int64_t>(p.first, begin + i - width));
            window_last_[i] = int32_t(std::min<int64_t>(p.last, begin + i + width));
            contexts_[i] = window_last_[i] - window_first_[i];
            result_.pairs += contexts_[i];
        }
    }

    // Rows that the next block will want: its centres, the contexts that come into reach, its pool.
    void prefetch(int64_t begin, int64_t end) const {
        auto n = int64_t(positions_.size());
        for (int64_t k = begin; k < end; ++k) {
            prefetch_row(centre_row(positions_[k].word_id));
            if (k + settings_.window < n) prefetch_row(context_row(positions_[k + settings_.window].word_id));
        }
        for (int32_t word_id : pool_next_) prefetch_row(context_row(word_id));
    }
    void prefetch_row(const float *row) const {
        for (int64_t d = 0; d < stride_; d += row_alignment) __builtin_prefetch(row + d, 1, 2);
    }

    template <int units> int row_vecs() const { return units ? units * vecs_per_unit : int(stride_ / lanes); }

    template <int units> void block(int64_t begin, float alpha) {
        gather<units>(begin);
        noise_scores<units>();
        noise_gradients(begin, alpha);
        for (int i = 0; i < count_; ++i) centre<units>(begin, i, alpha);
        update_noise_words<units>();
        result_.loss += double(sum(loss_));
        loss_ = Vec{};
    }

    template <int units> void gather(int64_t begin) {
        const int vecs = row_vecs<units>();
        for (int i = 0; i < block_size; ++i) {
            // Rows past the end of the text repeat the last one; their weights are zero.
            const float *row = centre_row(positions_[begin + std::min(i, count_ - 1)].word_id);
            for (int v = 0; v < vecs; ++v) store(h_ + i * stride_ + v * lanes, load(row + v * lanes));
        }
        for (int j = 0; j < settings_.pool_size; ++j) {
            const float *row = context_row(pool_[j]);
            for (int v = 0; v < vecs; ++v) store(noise_ + j * stride_ + v * lanes, load(row + v * lanes));
        }
    }

    // g[i, j] = h_i . noise_j
    template <int units> void noise_scores() {
        const int vecs = row_vecs<units>(), pool_size = settings_.pool_size;
        for (int j = 0; j < pool_size; j += tile_columns)
            for (int i = 0; i < block_size; i += tile_rows) {
                Vec dot[lanes] = {};
                const float *h = h_ + i * stride_, *noise = noise_ + j * stride_;
                for (int v = 0; v < vecs; ++v, h += lanes, noise += lanes) {
                    Vec column[tile_columns];
                    for (int c = 0; c < tile_columns; ++c) column[c] = load(noise + c * stride_);
                    for (int r = 0; r < tile_rows; ++r) {
                        Vec row = load(h + r * stride_);
                        for (int c = 0; c < tile_columns; ++c) dot[r * tile_columns + c] += row * column[c];
                    }
                }
                Vec tile = sum_each<lanes>(dot);
                for (int r = 0; r < tile_rows; ++r)
                    std::memcpy(g_ + (i + r) * pool_size + j, reinterpret_cast<const float *>(&tile) + r * tile_columns,
                                tile_columns * sizeof(float));
            }
    }

    // Turns the scores into what the rows are to move by: g[i, j] = -alpha * weight * sigma(score), weight = K / P times
    // the contexts of i that are not noise word j itself.
    void noise_gradients(int64_t begin, float alpha) {
        const float share = float(settings_.negative) / float(settings_.pool_size);
        for (int i = 0; i < block_size; ++i)
            for (int j = 0; j < settings_.pool_size; j += lanes) {
                IntVec pool = load(pool_.data() + j);
                IntVec used = broadcast(contexts_[i]);
                for (int32_t k = window_first_[i]; k <= window_last_[i]; ++k)
                    if (k != begin + i) used += pool == broadcast(positions_[k].word_id); // true is -1
                Vec weight = to_float(used) * share;
                float *g = g_ + i * settings_.pool_size + j;
                Logistic f = logistic(load(g));
                loss_ += weight * f.softplus;
                store(g, weight * f.sigmoid * -alpha);
            }
    }

    // All updates that centre i takes part in, but for those of the noise words.
    template <int units> void centre(int64_t begin, int i, float alpha) {
        const float *h = h_ + i * stride_, *g_noise = g_ + i * settings_.pool_size;
        float *rows[max_positives];
        alignas(64) float g[max_positives];
        float *own = centre_row(positions_[begin + i].word_id);
        int n = 0;
        bool noise_pending = true;
        for (int32_t k = window_first_[i]; k <= window_last_[i]; ++k) {
            if (k != begin + i) rows[n++] = context_row(positions_[k].word_id);
            if (n == max_positives || (n && k == window_last_[i])) {
                positive_scores<units>(h, rows, n, g);
                positive_gradients(n, alpha, g);
                apply<units>(h, own, rows, g, n, g_noise, noise_pending ? settings_.pool_size : 0);
                noise_pending = false;
                n = 0;
            }
        }
    }

    template <int units> void positive_scores(const float *h, float *const *rows, int n, float *scores) const {
        constexpr int group = 4;
        const int vecs = row_vecs<units>();
        for (int k = 0; k < n; k += group) {
            const float *row[group];
            for (int c = 0; c < group; ++c) row[c] = rows[std::min(k + c, n - 1)];
            Vec dot[group] = {};
            for (int v = 0; v < vecs; ++v) {
                Vec own = load(h + v * lanes);
                for (int c = 0; c < group; ++c) dot[c] += own * load(row[c] + v * lanes);
            }
            Vec sums = sum_each<group>(dot);
            for (int c = 0; c < group; ++c) scores[k + c] = sums[c * (lanes / group)];
        }
    }

    // g = alpha * (1 - sigma(score)), and the loss -log sigma(score) = softplus(score) - score.
    void positive_gradients(int n, float alpha, float *g) {
        static const struct Lane {
            alignas(64) int32_t number[max_positives];
            Lane() {
                for (int k = 0; k < max_positives; ++k) number[k] = k;
            }
        } lane;
        for (int k = 0; k < n; k += lanes) {
            IntVec used = load(lane.number + k) < broadcast(n);
            Vec score = used ? load(g + k) : Vec{};
            Logistic f = logistic(-score);
            loss_ += used ? f.softplus : Vec{};
            store(g + k, f.sigmoid * alpha);
        }
    }

    // own += sum_j g_noise[j] noise[j] + sum_k g[k] rows[k];  rows[k] += g[k] h
    template <int units>
    void apply(const float *h, float *own, float *const *rows, const float *g, int n, const float *g_noise, int pool_size) const {
        constexpr int chunk_units = units ? units : 4;
        constexpr int chunk = std::min(chunk_units * vecs_per_unit, lanes == 16 ? 8 : 4);
        const int vecs = row_vecs<units>();
        int v = 0;
        for (; v + chunk <= vecs; v += chunk) apply_columns<chunk>(v * lanes, h, own, rows, g, n, g_noise, pool_size);
        for (; v < vecs; ++v) apply_columns<1>(v * lanes, h, own, rows, g, n, g_noise, pool_size);
    }
    template <int width>
    void apply_columns(int64_t d, const float *h, float *own, float *const *rows, const float *g, int n, const float *g_noise,
                       int pool_size) const {
        Vec total[width] = {}, input[width];
        const float *noise = noise_ + d;
        for (int j = 0; j < pool_size; ++j, noise += stride_) {
            Vec scale = broadcast(g_noise[j]);
            for (int v = 0; v < width; ++v) total[v] += scale * load(noise + v * lanes);
        }
        for (int v = 0; v < width; ++v) input[v] = load(h + d + v * lanes);
        for (int k = 0; k < n; ++k) {
            Vec scale = broadcast(g[k]);
            float *row = rows[k] + d;
            for (int v = 0; v < width; ++v) {
                Vec old = load(row + v * lanes);
                total[v] += scale * old;
                store(row + v * lanes, old + scale * input[v]);
            }
        }
        own += d;
        for (int v = 0; v < width; ++v) store(own + v * lanes, load(own + v * lanes) + total[v]);
    }

    // noise word j += sum_i g[i, j] h_i; a word drawn twice gets both sums, one after the other.
    template <int units> void update_noise_words() {
        constexpr int chunk_units = units ? units : 4;
        constexpr int chunk = std::min(chunk_units * vecs_per_unit, lanes == 16 ? 8 : 4);
        const int vecs = row_vecs<units>();
        for (int j = 0; j < settings_.pool_size; j += 2) {
            int v = 0;
            for (; v + chunk <= vecs; v += chunk) update_noise_columns<chunk>(v * lanes, j);
            for (; v < vecs; ++v) update_noise_columns<1>(v * lanes, j);
        }
    }
    template <int width> void update_noise_columns(int64_t d, int j) const {
        Vec total[2][width] = {};
        const float *h = h_ + d, *g = g_ + j;
        for (int i = 0; i < block_size; ++i, h += stride_, g += settings_.pool_size) {
            Vec first = broadcast(g[0]), second = broadcast(g[1]);
            for (int v = 0; v < width; ++v) {
                Vec input = load(h + v * lanes);
                total[0][v] += first * input;
                total[1][v] += second * input;
            }
        }
        for (int r = 0; r < 2; ++r) {
            float *row = context_row(pool_[j + r]) + d;
            for (int v = 0; v < width; ++v) store(row + v * lanes, load(row + v * lanes) + total[r][v]);
        }
    }

    const SkipgramModel &model_;
    const SkipgramSettings &settings_;
    const int64_t stride_;
    std::vector<Position> positions_;
    std::vector<int32_t> pool_, pool_next_;
    std::vector<float> centre_rows_, noise_rows_, scores_;
    float *h_, *noise_, *g_; // (block_size, stride), (P, stride), (block_size, P), 64-byte aligned
    int count_ = 0;          // centres in this block
    int32_t window_first_[block_size], window_last_[block_size], contexts_[block_size];
    Vec loss_ = {};
    ChunkResult result_ = {};
};

} // namespace

ChunkResult train_skipgram(const SkipgramModel &model, const SkipgramSettings &settings, const Chunk &chunk) {
    return Trainer(model, settings).train(chunk);
}

} // namespace vastmax::VASTMAX_TARGET
