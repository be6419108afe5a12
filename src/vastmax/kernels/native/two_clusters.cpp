// EM for mixtures of two Gaussians of one spherical variance, group by group; compiled once for each instruction set.
//
// With one variance s for both components the log-odds of a vector x are linear, z(x) = u·(x - m) + c, where m is the
// group's mean, u = (mu1 - mu0) / s, and c holds the shares and the means. The sums over one component follow from those
// over all, so that a step of EM reads each vector once: z, then r = sigmoid(z), then r·x into the sum.
#include "tasks.hpp"

#include <atomic>
#include <cmath>
#include <vector>

#include "mixing.hpp"
#include "scratch.hpp"
#include "threads.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

// Rows whose sums are taken in float before they are added to those in double.
constexpr int64_t block_rows = 256;
// Within this share of the squared length of its vectors a group's spread is rounding: its members cannot be told apart.
constexpr double rounding = 1e-10;
// The components keep this share of the variance at least, so that the odds of two clean clusters stay finite.
constexpr double least_variance = 1e-6;

class Fit {
  public:
    explicit Fit(const TwoClusters &task)
        : task_(task), width_(task.width), padded_(whole_vectors(task.width)), mean_(Floats::zeros(padded_)),
          direction_(Floats::zeros(padded_)), block_sum_(Floats::zeros(padded_)), centred_(Floats::zeros(padded_)),
          sum_(size_t(width_)) {}

    void run(int64_t group) {
        members_ = task_.members + task_.offsets[group];
        count_ = task_.offsets[group + 1] - task_.offsets[group];
        log_odds_ = task_.log_odds + task_.offsets[group];
        if (!measure()) {
            std::fill(log_odds_, log_odds_ + count_, 0.0f);
            return;
        }
        begin(task_.seeds[group]);
        for (int i = 0; i < task_.iterations; ++i) {
            expect();
            if (!maximise()) break;
        }
        for (int64_t i = 0; i < count_; ++i) log_odds_[i] = odds(row(i));
    }

  private:
    const float *row(int64_t i) const { return task_.vectors + int64_t(members_[i]) * width_; }
    float weight(int64_t i) const { return task_.weights ? task_.weights[members_[i]] : 1.0f; }

    // The centred vector, whole Vecs of it, zeros behind.
    void centre(const float *x) {
        int64_t d = 0;
        for (; d + lanes <= width_; d += lanes) store(centred_.vector_at(d), load(x + d) - load(mean_.vector_at(d)));
        for (; d < width_; ++d) centred_[d] = x[d] - mean_[d];
    }

    float odds(const float *x) {
        centre(x);
        Vec total = {};
        for (int64_t d = 0; d < padded_; d += lanes)
            total += load(direction_.vector_at(d)) * load(centred_.vector_at(d));
        return sum(total) + offset_;
    }

    void flush() {
        for (int64_t d = 0; d < width_; ++d) sum_[size_t(d)] += block_sum_[d];
        std::fill_n(block_sum_.data(), padded_, 0.0f);
    }

    // sum_ += factor * centred_, by way of the block's sum.
    void add(float factor, int64_t i) {
        for (int64_t d = 0; d < padded_; d += lanes)
            store(block_sum_.vector_at(d), load(block_sum_.vector_at(d)) + factor * load(centred_.vector_at(d)));
        if (i % block_rows == block_rows - 1 || i == count_ - 1) flush();
    }

    // Total weight, mean and scatter; false when the vectors are all alike.
    bool measure() {
        total_weight_ = 0;
        std::fill_n(mean_.data(), padded_, 0.0f);
        std::fill(sum_.begin(), sum_.end(), 0.0);
        std::fill_n(block_sum_.data(), padded_, 0.0f);
        for (int64_t i = 0; i < count_; ++i) {
            centre(row(i)); // the mean is still 0
            add(weight(i), i);
            total_weight_ += weight(i);
        }
        double squared_mean = 0;
        for (int64_t d = 0; d < width_; ++d) {
            mean_[d] = float(sum_[size_t(d)] / total_weight_);
            squared_mean += double(mean_[d]) * mean_[d];
        }
        scatter_ = 0;
        for (int64_t i = 0; i < count_; ++i) {
            centre(row(i));
            Vec total = {};
            for (int64_t d = 0; d < padded_; d += lanes)
                total += load(centred_.vector_at(d)) * load(centred_.vector_at(d));
            scatter_ += double(weight(i)) * sum(total);
        }
        return scatter_ > rounding * total_weight_ * squared_mean && scatter_ > 0;
    }

    // The means lie at equal distances from the group's, in a random direction, as far apart as the spread in it.
    void begin(uint64_t seed) {
        Random random(seed);
        double squared = 0;
        for (int64_t d = 0; d < width_; ++d) {
            // The sum of four uniform numbers is normal enough for a direction.
            double x = -2;
            for (int i = 0; i < 4; ++i) x += double(random.next() >> 11) * 0x1p-53;
            direction_[d] = float(x);
            squared += x * x;
        }
        offset_ = 0;
        double variance = 0; // along the direction, made of length one
        const float scale = float(1 / std::sqrt(squared));
        for (int64_t d = 0; d < width_; ++d) direction_[d] *= scale;
        for (int64_t i = 0; i < count_; ++i) {
            double z = odds(row(i));
            variance += weight(i) * z * z;
        }
        variance /= total_weight_;
        // z = 2·(x·direction) / deviation: at one deviation from the middle the odds are e^2.
        const float steepness = variance > 0 ? float(2 / std::sqrt(variance)) : 0.0f;
        for (int64_t d = 0; d < width_; ++d) direction_[d] *= steepness;
    }

    // Weight and centred sum of the second component.
    void expect() {
        second_weight_ = 0;
        std::fill(sum_.begin(), sum_.end(), 0.0);
        for (int64_t i = 0; i < count_; ++i) {
            const float z = odds(row(i)); // leaves the centred vector behind
            const float r = weight(i) / (1.0f + std::exp(-z));
            second_weight_ += r;
            add(r, i);
        }
    }

    // New means, shares and variance, as direction_ and offset_; false when one component has vanished.
    bool maximise() {
        const double w1 = second_weight_, w0 = total_weight_ - w1;
        if (!(w1 > 1e-9 * total_weight_ && w0 > 1e-9 * total_weight_)) return false;
        double squared_sum = 0;
        for (int64_t d = 0; d < width_; ++d) squared_sum += sum_[size_t(d)] * sum_[size_t(d)];
        // From the group's mean the second component's lies at S/w1, the first one's at -S/w0.
        const double between = squared_sum / w1 + squared_sum / w0;
        const double variance =
            std::max(scatter_ - between, least_variance * scatter_) / (total_weight_ * double(width_));
        const double factor = (1 / w1 + 1 / w0) / variance;
        for (int64_t d = 0; d < width_; ++d) direction_[d] = float(factor * sum_[size_t(d)]);
        offset_ = float(std::log(w1 / w0) - 0.5 * squared_sum * (1 / (w1 * w1) - 1 / (w0 * w0)) / variance);
        return std::isfinite(offset_);
    }

    const TwoClusters &task_;
    const int64_t width_, padded_;
    const int32_t *members_ = nullptr;
    int64_t count_ = 0;
    float *log_odds_ = nullptr;
    double total_weight_ = 0, scatter_ = 0, second_weight_ = 0;
    float offset_ = 0;
    const Floats mean_, direction_, block_sum_, centred_;
    std::vector<double> sum_;
};

} // namespace

void two_clusters(const TwoClusters &task, int threads) {
    const int64_t n = task.offsets[task.num_groups];
    threads = worthwhile_threads(threads, double(n) * double(task.width) * task.iterations);
    std::atomic<int64_t> next{0};
    // Whole groups go to threads, in the order they stand: what a group's result is does not depend on their number.
    in_threads(int(std::min<int64_t>(threads, std::max<int64_t>(1, task.num_groups))), [&](int) {
        Fit fit(task);
        for (int64_t group; (group = next++) < task.num_groups;) fit.run(group);
    });
}

} // namespace vastmax::VASTMAX_TARGET
