// Skip-gram with negative sampling (Mikolov et al. 2013); compiled once for each instruction set.
//
// The centre word is the input: for a centre c with contexts o and noise words w, each pair adds
//     -log sigma(v_c . u_o) - sum_{k <= K} log sigma(-v_c . u_{w_k}).
// A block of B centres shares one pool of P noise words, each weighing K / P of every pair but those whose context it is,
// so the noise half of the work is three small dense products (scores, centre gradients, noise-word gradients) on rows
// that stay near the core. The positive half goes row by row. Operations a centre with n contexts: 3 D P + 3 D n
// multiply-adds; rows written: its own, n (shared by its neighbours, so in cache), P / B.
// Noise scores and centre rows are those before the block; context rows move with each centre.
#include "skipgram.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "logistic.hpp"
#include "random.hpp"
#include "vector.hpp"
#include "windows.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int vecs_per_unit = row_alignment / lanes;

// A tile of scores, as many sums as the registers hold: noise words × vectors of centres.
constexpr int tile_words = lanes == 16 ? 8 : 4;
constexpr int tile_vecs = 2;
static_assert(block_size % (tile_vecs * lanes) == 0);

// Scratch memory that starts on a cache line.
class Scratch {
  public:
    explicit Scratch(int64_t floats)
        : memory_(static_cast<float *>(std::aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64))) {
        if (!memory_) throw std::bad_alloc();
        std::fill_n(memory_.get(), floats, 0.0f);
    }
    float *data() const { return memory_.get(); }

  private:
    struct Free {
        void operator()(float *p) const { std::free(p); }
    };
    std::unique_ptr<float, Free> memory_;
};

class Trainer {
  public:
    Trainer(const SkipgramModel &model, const SkipgramSettings &settings)
        : model_(model), settings_(settings), stride_(model.stride),
          largest_pool_(*std::max_element(settings.pool_sizes, settings.pool_sizes + settings.num_bands)),
          pool_(largest_pool_), pool_next_(largest_pool_), centre_rows_(block_size * stride_),
          centre_columns_(block_size * stride_), noise_rows_(largest_pool_ * stride_), scores_(block_size * largest_pool_),
          h_(centre_rows_.data()), h_columns_(centre_columns_.data()), noise_(noise_rows_.data()), g_(scores_.data()) {}

    ChunkResult train(const Chunk &chunk) {
        Random random(chunk.seed);
        draw_pool(random);
        int64_t origin = chunk.sentence_offsets[0], total = chunk.sentence_offsets[chunk.num_sentences] - origin;
        for (int64_t s = 0; s < chunk.num_sentences;) {
            float progress = float(chunk.sentence_offsets[s] - origin) / float(std::max<int64_t>(total, 1));
            alpha_ = chunk.alpha_begin + (chunk.alpha_end - chunk.alpha_begin) * progress;
            s = windows_.fill(model_, chunk, s, uint32_t(settings_.window), random);
            for (int band = 0; band < settings_.num_bands && band * band_width + 1 < windows_.longest_sentence(); ++band)
                train_band(band, random);
        }
        result_.words = windows_.words();
        result_.kept = windows_.kept();
        return result_;
    }

  private:
    // Trains the pairs of a span whose distance is in one band, block by block.
    void train_band(int band, Random &random) {
        below_ = band * band_width;
        pool_size_ = settings_.pool_sizes[band];
        share_ = float(settings_.negative) / float(pool_size_);
        for (int64_t begin = 0; begin < windows_.size(); begin += settings_.centres) {
            int64_t pairs = choose_contexts(begin);
            if (pairs == 0) continue;
            result_.predictions += pairs;
            pool_.swap(pool_next_);
            draw_pool(random);
            switch (stride_ / row_alignment) {
            case 1: block<1>(begin); break;
            case 2: block<2>(begin); break;
            case 3: block<3>(begin); break;
            case 4: block<4>(begin); break;
            case 5: block<5>(begin); break;
            case 6: block<6>(begin); break;
            case 7: block<7>(begin); break;
            case 8: block<8>(begin); break;
            default: block<0>(begin);
            }
        }
    }

    float *centre_row(int32_t word_id) const { return model_.centre + word_id * stride_; }
    float *context_row(int32_t word_id) const { return model_.context + word_id * stride_; }

    void draw_pool(Random &random) {
        for (int j = 0; j < largest_pool_; ++j) {
            uint64_t r = random.next();
            uint32_t slot = Random::below(uint32_t(model_.vocab_size), uint32_t(r >> 32));
            pool_next_[j] = uint32_t(r) <= model_.alias_threshold[slot] ? int32_t(slot) : model_.alias_word[slot];
        }
    }

    int64_t choose_contexts(int64_t begin) {
        count_ = int(std::min<int64_t>(settings_.centres, windows_.size() - begin));
        std::fill(&contexts_[0][0], &contexts_[0][0] + max_contexts * block_size, -1);
        int64_t pairs = 0;
        most_contexts_ = 0;
        for (int i = 0; i < block_size; ++i) {
            int n = i < count_ ? windows_.contexts(begin + i, below_, &contexts_[0][i], block_size) : 0;
            num_contexts_[i] = n;
            most_contexts_ = std::max(most_contexts_, n);
            pairs += n;
        }
        return pairs;
    }

    // Asks for rows that the next block will want, a share for each centre of this one, so that the requests spread out:
    // its centres, the contexts that come into reach, its pool.
    void prefetch(int64_t begin, int i) const {
        int64_t next = begin + settings_.centres + i, reach = next + std::min(settings_.window, below_ + band_width);
        if (next < windows_.size()) prefetch_row(centre_row(windows_.word_id(next)));
        if (reach < windows_.size()) prefetch_row(context_row(windows_.word_id(reach)));
        for (int j = i; j < pool_size_; j += settings_.centres) prefetch_row(context_row(pool_next_[j]));
    }
    void prefetch_row(const float *row) const {
        for (int64_t d = 0; d < stride_; d += row_alignment) __builtin_prefetch(row + d, 1, 2);
    }

    template <int units> int row_vecs() const { return units ? units * vecs_per_unit : int(stride_ / lanes); }

    template <int units> void block(int64_t begin) {
        gather<units>(begin);
        noise_scores<units>();
        noise_gradients();
        for (int i = 0; i < count_; ++i) {
            prefetch(begin, i);
            centre<units>(centre_row(windows_.word_id(begin + i)), i);
        }
        update_noise_words<units>();
        result_.loss += double(sum(loss_));
        loss_ = Vec{};
    }

    template <int units> void gather(int64_t begin) {
        for (int i = 0; i < block_size; ++i) // rows past the end of the text repeat the last one; they weigh nothing
            copy_row<units>(h_ + i * stride_, centre_row(windows_.word_id(begin + std::min(i, count_ - 1))));
        for (int j = 0; j < pool_size_; ++j) copy_row<units>(noise_ + j * stride_, context_row(pool_[j]));
        for (int i = 0; i < block_size; i += lanes)
            for (int v = 0; v < row_vecs<units>(); ++v) {
                Vec square[lanes];
                for (int k = 0; k < lanes; ++k) square[k] = load(h_ + (i + k) * stride_ + v * lanes);
                transpose(square);
                for (int k = 0; k < lanes; ++k) store(h_columns_ + (v * lanes + k) * block_size + i, square[k]);
            }
    }
    template <int units> void copy_row(float *to, const float *from) const {
        for (int v = 0; v < row_vecs<units>(); ++v) store(to + v * lanes, load(from + v * lanes));
    }

    // g[j, i] = noise_j . h_i, centres side by side in the vectors so that no sum runs across lanes.
    template <int units> void noise_scores() {
        const int columns = row_vecs<units>() * lanes;
        for (int j = 0; j < pool_size_; j += tile_words)
            for (int i = 0; i < block_size; i += tile_vecs * lanes) {
                Vec dot[tile_words][tile_vecs] = {};
                const float *noise = noise_ + j * stride_, *h = h_columns_ + i;
                for (int d = 0; d < columns; ++d, ++noise, h += block_size)
                    for (int w = 0; w < tile_words; ++w) {
                        Vec scale = broadcast(noise[w * stride_]);
                        for (int v = 0; v < tile_vecs; ++v) dot[w][v] += scale * load(h + v * lanes);
                    }
                for (int w = 0; w < tile_words; ++w)
                    for (int v = 0; v < tile_vecs; ++v) store(g_ + (j + w) * block_size + i + v * lanes, dot[w][v]);
            }
    }

    // Turns the scores into what the rows are to move by: g[j, i] = -alpha * weight * sigma(score), weight = K / P times
    // the contexts of i that are not noise word j itself.
    void noise_gradients() {
        for (int j = 0; j < pool_size_; ++j)
            for (int i = 0; i < block_size; i += lanes) {
                IntVec used = load(num_contexts_ + i), noise_word = broadcast(pool_[j]);
                for (int k = 0; k < most_contexts_; ++k) used += load(contexts_[k] + i) == noise_word; // true is -1
                Vec weight = to_float(used) * share_;
                float *g = g_ + j * block_size + i;
                Logistic f = logistic(load(g));
                loss_ += weight * f.softplus;
                store(g, weight * f.sigmoid * -alpha_);
            }
    }

    // All updates that centre i takes part in, but for those of the noise words.
    template <int units> void centre(float *own, int i) {
        const int n = num_contexts_[i];
        if (n == 0) return;
        float *rows[max_contexts];
        alignas(64) float g[max_contexts];
        for (int k = 0; k < n; ++k) rows[k] = context_row(contexts_[k][i]);
        positive_gradients<units>(h_ + i * stride_, rows, n, g);
        for_strips<units>([&](auto width, int d) { apply<width>(d, i, own, rows, n, g); });
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
            struct { alignas(64) int32_t at[max_contexts]; } table{};
            for (int k = 0; k < max_contexts; ++k) table.at[lane_of(k)] = k;
            return table;
        }();
        static constexpr auto repeat_of_lane = [] {
            struct { alignas(64) int32_t at[lanes]; } table{};
            for (int lane = 0; lane < lanes; ++lane) table.at[lane] = lane % repeats;
            return table;
        }();
        const int vecs = row_vecs<units>();
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

    // Calls f(width, first column) for strips of a row that fit the registers; width is a compile-time number of vectors.
    template <int units, typename F> void for_strips(F f) const {
        constexpr int widest = lanes == 16 ? 8 : 4;
        constexpr int total = units * vecs_per_unit, rest = total % widest;
        int v = 0, vecs = row_vecs<units>();
        for (; v + widest <= vecs; v += widest) f(std::integral_constant<int, widest>{}, v * lanes);
        if constexpr (units == 0)
            for (; v < vecs; v += vecs_per_unit) f(std::integral_constant<int, vecs_per_unit>{}, v * lanes);
        else if constexpr (rest > 0)
            f(std::integral_constant<int, rest>{}, (total - rest) * lanes);
    }

    // own += sum_j g_noise[j, i] noise[j] + sum_k g[k] rows[k];  rows[k] += g[k] h_i
    template <int width> void apply(int64_t d, int i, float *own, float *const *rows, int n, const float *g) const {
        Vec total[width] = {}, input[width];
        const float *h = h_ + i * stride_ + d, *noise = noise_ + d, *g_noise = g_ + i;
        for (int j = 0; j < pool_size_; ++j, noise += stride_, g_noise += block_size) {
            Vec scale = broadcast(*g_noise);
            for (int v = 0; v < width; ++v) total[v] += scale * load(noise + v * lanes);
        }
        for (int v = 0; v < width; ++v) input[v] = load(h + v * lanes);
        for (int k = 0; k < n; ++k) {
            Vec scale = broadcast(g[lane_of(k)]);
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

    // noise word j += sum_i g[j, i] h_i; a word drawn twice gets both sums, one after the other.
    template <int units> void update_noise_words() {
        for (int j = 0; j < pool_size_; j += 2)
            for_strips<units>([&](auto width, int d) { update_noise_columns<width>(d, j); });
    }
    template <int width> void update_noise_columns(int64_t d, int j) const {
        Vec total[2][width] = {};
        const float *h = h_ + d, *g = g_ + j * block_size;
        for (int i = 0; i < block_size; ++i, h += stride_) {
            Vec first = broadcast(g[i]), second = broadcast(g[block_size + i]);
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
    const int largest_pool_;
    Windows windows_;
    std::vector<int32_t> pool_, pool_next_;
    Scratch centre_rows_, centre_columns_, noise_rows_, scores_;
    float *h_, *h_columns_, *noise_, *g_; // (block_size, stride), (stride, block_size), (P, stride), (P, block_size)
    float alpha_ = 0;
    float share_ = 0;   // K / P, the weight of a noise word in a pair
    int below_ = 0;     // the band's distances lie above this
    int pool_size_ = 0; // P in this band
    int count_ = 0;     // centres in this block
    int most_contexts_ = 0;
    int32_t num_contexts_[block_size], contexts_[max_contexts][block_size]; // contexts are -1 beyond each centre's number
    Vec loss_ = {};
    ChunkResult result_ = {};
};

} // namespace

ChunkResult train_skipgram(const SkipgramModel &model, const SkipgramSettings &settings, const Chunk &chunk) {
    return Trainer(model, settings).train(chunk);
}

} // namespace vastmax::VASTMAX_TARGET
