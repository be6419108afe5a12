// The softmax of a linear layer over all its words, and its gradients. Compiled once for each instruction set.
//
// One product forward and three backward, n·V·D multiply-adds each; the scores are computed again in the backward pass
// and never leave the cache: a tile of words meets all examples, a chunk at a time, before the next tile is read.
#include "tasks.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "logistic.hpp"
#include "products.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int64_t chunk_examples = 16 * tile_rows;
constexpr int64_t group_examples = 1024; // gradients of so many hidden vectors are summed by each thread for itself
constexpr int64_t tile_numel = 32768;    // of weights: 128 KB, of which three copies and the scores fill a 1 MB cache
constexpr int64_t most_words_a_tile = 512;

int64_t words_a_tile(int64_t D) {
    return std::clamp<int64_t>(tile_numel / D / panel_width * panel_width, panel_width, most_words_a_tile);
}

int threads_for(const LinearScores &scores, int wanted) {
    const double work = double(std::min(scores.n, group_examples)) * double(scores.V) * double(scores.D);
    const int64_t tiles = (scores.V + words_a_tile(scores.D) - 1) / words_a_tile(scores.D);
    return int(std::min<int64_t>(worthwhile_threads(wanted, work), tiles));
}

// A tile of words, packed, and the scores of a chunk of examples with it.
class Tile {
  public:
    Tile(const LinearScores &scores, bool with_rows)
        : all_(scores), words_(words_a_tile(scores.D)), step_(words_ + lanes), // not a power of two: see noise_loss.cpp
          columns_memory_(Floats::uninitialized(Panels::numel(scores.D, words_))),
          rows_memory_(Floats::uninitialized(with_rows ? Panels::numel(words_, scores.D) : 0)),
          bias_(Floats::uninitialized(words_)), scores_(Floats::uninitialized(chunk_examples * step_)),
          with_rows_(with_rows) {}

    void read(int64_t tile) {
        first = tile * words_;
        count = std::min(words_, all_.V - first);
        columns_ = {columns_memory_.data(), all_.D, count};
        rows = {rows_memory_.data(), count, all_.D};
        auto row = [&](int64_t w) { return w < count ? all_.weight + (first + w) * all_.D : nullptr; };
        for (int64_t w = 0; w < count; w += lanes) columns_.put_columns(w, [&](int i) { return row(w + i); });
        for (int64_t w = 0; with_rows_ && w < count; ++w) rows.put_row(w, row(w));
        // Words that are not there have a probability of 0.
        std::fill(bias_.data(), bias_.data() + words_, -std::numeric_limits<float>::infinity());
        for (int64_t w = 0; w < count; ++w) bias_.data()[w] = all_.bias ? all_.bias[first + w] : 0.0f;
    }

    // Scores of `examples` examples, the bias not yet added.
    void score(const float *hidden, int64_t examples) {
        for (int64_t p = 0; p < columns_.count(); ++p)
            panel_product({hidden, all_.D, 1}, examples, columns_.panel(p), all_.D, whole_vectors(columns_.columns(p)),
                          [&](int64_t e) { return scores(e) + p * panel_width; });
    }

    float *scores(int64_t e) const { return scores_.data() + e * step_; }
    int64_t step() const { return step_; }
    int64_t padded() const { return whole_vectors(count); }
    Vec with_bias(const float *row, int64_t w) const { return load(row + w) + load(bias_.vector_at(w)); }

    int64_t first = 0, count = 0;
    Panels rows{};

  private:
    const LinearScores &all_;
    const int64_t words_, step_;
    const Floats columns_memory_, rows_memory_, bias_, scores_;
    const bool with_rows_;
    Panels columns_{};
};

// Lane by lane, the largest score so far and the sum of exp(score − largest).
struct Running {
    Floats largest, sums;
    explicit Running(int64_t examples)
        : largest(Floats::uninitialized(examples * lanes)), sums(Floats::zeros(examples * lanes)) {
        std::fill_n(largest.data(), largest.size(), -std::numeric_limits<float>::max());
    }

    void add(int64_t e, const Tile &tile, float *row) {
        float *const most_so_far = largest.vector_at(e * lanes), *const sum_so_far = sums.vector_at(e * lanes);
        const Vec before = load(most_so_far);
        Vec most = before;
        for (int64_t w = 0; w < tile.padded(); w += lanes) {
            const Vec score = tile.with_bias(row, w);
            store(row + w, score);
            most = score > most ? score : most;
        }
        Vec total = {};
        for (int64_t w = 0; w < tile.padded(); w += lanes) total += exp_of_negative(load(row + w) - most);
        store(sum_so_far, load(sum_so_far) * exp_of_negative(before - most) + total);
        store(most_so_far, most);
    }
};

float log_normaliser(const std::vector<Running> &parts, int64_t e) {
    float most = -std::numeric_limits<float>::max();
    for (const Running &part : parts)
        for (int i = 0; i < lanes; ++i) most = std::max(most, part.largest[e * lanes + i]);
    double total = 0;
    for (const Running &part : parts)
        for (int i = 0; i < lanes; ++i) {
            const int64_t at = e * lanes + i;
            total += double(part.sums[at]) * std::exp(double(part.largest[at]) - double(most));
        }
    return float(double(most) + std::log(total));
}

void group_forward(const LinearForward &batch, int count) {
    const LinearScores &scores = batch.scores;
    std::vector<Running> running;
    running.reserve(size_t(count));
    for (int thread = 0; thread < count; ++thread) running.emplace_back(scores.n);
    std::atomic<int64_t> next{0};
    in_threads(count, [&](int thread) {
        Tile tile(scores, false);
        for (int64_t t; (t = next++) * words_a_tile(scores.D) < scores.V;) {
            tile.read(t);
            for (int64_t begin = 0; begin < scores.n; begin += chunk_examples) {
                const int64_t examples = std::min(chunk_examples, scores.n - begin);
                tile.score(scores.hidden + begin * scores.D, examples);
                for (int64_t e = 0; e < examples; ++e) running[size_t(thread)].add(begin + e, tile, tile.scores(e));
            }
        }
    });
    for (int64_t e = 0; e < scores.n; ++e) batch.log_normaliser[e] = log_normaliser(running, e);
}

// What one thread needs: sums of its own for hidden, and its tile.
struct Worker {
    Tile tile;
    Floats of_hidden;
    bool first_tile = true;
    Worker(const LinearScores &scores, bool wants_hidden)
        : tile(scores, wants_hidden), of_hidden(Floats::uninitialized(wants_hidden ? scores.n * scores.D : 0)) {}
};

// p(w | h) in place of scores, and what it adds to the gradient of the bias.
void shares(const LinearBackward &batch, const Tile &tile, int64_t begin, int64_t examples, float *of_bias) {
    for (int64_t e = 0; e < examples; ++e) {
        float *row = tile.scores(e);
        const float shift = batch.log_normaliser[begin + e], upstream = batch.upstream[begin + e];
        for (int64_t w = 0; w < tile.padded(); w += lanes) {
            const Vec share = exp_of_negative(tile.with_bias(row, w) - shift);
            store(row + w, share);
            store(of_bias + w, load(of_bias + w) + upstream * share);
        }
    }
}

void tile_backward(const LinearBackward &batch, Worker &worker, const Panels &scaled, bool add) {
    const LinearScores &scores = batch.scores;
    const Tile &tile = worker.tile;
    alignas(64) float of_bias[most_words_a_tile] = {};
    for (int64_t begin = 0; begin < scores.n; begin += chunk_examples) {
        const int64_t examples = std::min(chunk_examples, scores.n - begin);
        worker.tile.score(scores.hidden + begin * scores.D, examples);
        shares(batch, tile, begin, examples, of_bias);
        if (batch.hidden_gradient) {
            float *const to = worker.of_hidden.data() + begin * scores.D;
            for (int64_t p = 0; p < tile.rows.count(); ++p)
                panel_product(
                    {tile.scores(0), tile.step(), 1}, examples, tile.rows.panel(p), tile.count, tile.rows.columns(p),
                    [&](int64_t e) { return to + e * scores.D + p * panel_width; }, !worker.first_tile);
        }
        if (batch.weight_gradient) {
            float *const to = batch.weight_gradient + tile.first * scores.D;
            for (int64_t p = 0; p < scaled.count(); ++p)
                panel_product(
                    {tile.scores(0), 1, tile.step()}, tile.count, scaled.panel(p) + begin * panel_width, examples,
                    scaled.columns(p), [&](int64_t w) { return to + w * scores.D + p * panel_width; },
                    add || begin > 0);
        }
    }
    worker.first_tile = false;
    if (batch.bias_gradient)
        for (int64_t w = 0; w < tile.count; ++w) {
            float &to = batch.bias_gradient[tile.first + w];
            to = (add ? to : 0.0f) + of_bias[w];
        }
}

// `add`: the gradients of weight and bias already hold those of earlier groups.
void group_backward(const LinearBackward &batch, int count, bool add) {
    const LinearScores &scores = batch.scores;
    const Floats memory = Floats::uninitialized(batch.weight_gradient ? Panels::numel(scores.n, scores.D) : 0);
    const Panels scaled{memory.data(), scores.n, scores.D};
    for (int64_t e = 0; batch.weight_gradient && e < scores.n; ++e)
        scaled.put_row(e, scores.hidden + e * scores.D, batch.upstream[e]);
    std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(count));
    std::atomic<int64_t> next{0};
    in_threads(count, [&](int thread) {
        workers[size_t(thread)] = std::make_unique<Worker>(scores, batch.hidden_gradient != nullptr);
        Worker &worker = *workers[size_t(thread)];
        for (int64_t t; (t = next++) * words_a_tile(scores.D) < scores.V;) {
            worker.tile.read(t);
            tile_backward(batch, worker, scaled, add);
        }
    });
    if (!batch.hidden_gradient) return;
    for (int64_t e = 0; e < scores.n; ++e)
        for (int64_t d = 0; d < scores.D; ++d) {
            float total = 0;
            for (const auto &worker : workers)
                if (!worker->first_tile) total += worker->of_hidden.data()[e * scores.D + d];
            batch.hidden_gradient[e * scores.D + d] = total * batch.upstream[e];
        }
}

LinearScores group_of(LinearScores scores, int64_t begin) {
    scores.hidden += begin * scores.D;
    scores.n = std::min(group_examples, scores.n - begin);
    return scores;
}

} // namespace

void linear_softmax_forward(const LinearForward &batch, int threads) {
    const int count = threads_for(batch.scores, threads);
    for (int64_t begin = 0; begin < batch.scores.n; begin += group_examples)
        group_forward({group_of(batch.scores, begin), batch.log_normaliser + begin}, count);
}

void linear_softmax_backward(const LinearBackward &batch, int threads) {
    const int count = threads_for(batch.scores, threads);
    for (int64_t begin = 0; begin < batch.scores.n; begin += group_examples) {
        LinearBackward group = batch;
        group.scores = group_of(batch.scores, begin);
        group.log_normaliser += begin;
        group.upstream += begin;
        if (group.hidden_gradient) group.hidden_gradient += begin * batch.scores.D;
        group_backward(group, count, begin > 0);
    }
}

} // namespace vastmax::VASTMAX_TARGET
