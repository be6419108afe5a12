// Products of examples with coded rows, which the scans over codes share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "int_products.hpp"
#include "word_scan.hpp"

namespace vastmax::VASTMAX_TARGET {

// Part of an example rounded to whole numbers: h = scale * whole + r.
struct RoundedHidden {
    std::vector<int32_t> pair; // two 16-bit numbers each
    float scale = 0.0f;
    int32_t eight_sums = 0; // 8 * the sum of all numbers, by which codes that count from 8 are too large
    double norm = 0.0;      // |h|^2
    double left = 0.0;      // |r|^2
};

inline RoundedHidden rounded(const float *hidden, int64_t width, int bits) {
    RoundedHidden to;
    const int64_t columns = bits == 8 ? (width + 1) / 2 * 2 : (width + 3) / 4 * 4;
    // Sums of products of a code and a number must fit 32 bits.
    const int64_t code = bits == 8 ? 128 : 15;
    const int64_t most = std::min<int64_t>(32767, ((int64_t(1) << 31) - 1) / (code * std::max<int64_t>(columns, 2)));
    float largest = 0.0f;
    for (int64_t d = 0; d < width; ++d)
        largest = std::max(largest, std::fabs(hidden[d])), to.norm += double(hidden[d]) * hidden[d];
    std::vector<int16_t> whole(size_t(columns), 0);
    to.scale = largest / float(most);
    if (!(to.scale >= std::numeric_limits<float>::min())) to.scale = 0.0f;
    int64_t sum = 0;
    for (int64_t d = 0; d < width; ++d) {
        const double exact = to.scale > 0.0f ? double(hidden[d]) / to.scale : 0.0;
        const double x = std::isnan(exact) ? 0.0 : std::clamp(std::nearbyint(exact), double(-most), double(most));
        whole[size_t(d)] = int16_t(x);
        sum += int64_t(x);
        const double r = double(hidden[d]) - double(to.scale) * x;
        to.left += r * r;
    }
    to.pair.resize(size_t(columns / 2));
    if (columns) std::memcpy(to.pair.data(), whole.data(), size_t(columns) * sizeof(int16_t));
    to.eight_sums = bits == 8 ? 0 : int32_t(8 * sum);
    return to;
}

// Whole-number products of one block with `count` examples: sums[e * parts + p] holds rows p * lanes .. of it.
template <int count>
inline void block_sums(const RowCodes &codes, int64_t block, const RoundedHidden *const *hidden, IntVec *sums) {
    constexpr int vectors = count * parts;
    IntVec total[vectors] = {};
    const int64_t bytes = block_bytes(codes.width, codes.bits);
    const int8_t *code_bytes = codes.codes + block * bytes;
    const int32_t *pair[count];
    for (int e = 0; e < count; ++e) pair[e] = hidden[e]->pair.data();
    if (codes.bits == 8) {
        for (int64_t at = 0, j = 0; at < bytes; at += 32, ++j) {
            Pairs code[parts];
            for (int p = 0; p < parts; ++p) code[p] = widened(code_bytes + at + p * 2 * lanes);
            for (int e = 0; e < count; ++e) {
                const Pairs h = same_pair(pair[e][j]);
                for (int p = 0; p < parts; ++p) total[e * parts + p] += pair_sums(code[p], h);
            }
        }
    } else {
        for (int64_t at = 0, j = 0; at < bytes; at += 32, j += 2) {
            Pairs low[parts], high[parts];
            for (int p = 0; p < parts; ++p) {
                const Pairs both = widened_unsigned(code_bytes + at + p * 2 * lanes);
                low[p] = low_four(both), high[p] = high_four(both);
            }
            for (int e = 0; e < count; ++e) {
                const Pairs first = same_pair(pair[e][j]), second = same_pair(pair[e][j + 1]);
                for (int p = 0; p < parts; ++p)
                    total[e * parts + p] += pair_sums(low[p], first) + pair_sums(high[p], second);
            }
        }
        for (int e = 0; e < count; ++e)
            for (int p = 0; p < parts; ++p) total[e * parts + p] -= broadcast(hidden[e]->eight_sums);
    }
    for (int v = 0; v < vectors; ++v) sums[v] = total[v];
}

} // namespace vastmax::VASTMAX_TARGET
