// Rows of a table rounded to 8 or 4 bits, with a proof of how far off they are. Compiled once for each instruction set.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "threads.hpp"
#include "word_scan.hpp"

#include "int_products.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

// With 4 bits a row may lose its largest numbers to say the others better: shares of the largest that are tried.
constexpr float clips[] = {1.0f, 0.9f, 0.8f, 0.7f, 0.6f, 0.5f};

float rounded_up(double x) {
    if (x == 0.0) return 0.0f;
    return std::nextafter(float(x * (1.0 + 1e-12)), std::numeric_limits<float>::infinity());
}

struct Rounded {
    float scale;
    double error; // squared
};

Rounded round_row(const float *row, int64_t D, float largest, int most, int8_t *code) {
    const float scale = largest / float(most);
    if (!(scale >= std::numeric_limits<float>::min())) { // zeros, and numbers too small to divide by
        double error = 0.0;
        for (int64_t d = 0; d < D; ++d) code[d] = 0, error += double(row[d]) * row[d];
        return {0.0f, error};
    }
    const float inverse = 1.0f / scale;
    double error = 0.0;
    for (int64_t d = 0; d < D; ++d) {
        const float exact = row[d] * inverse;
        const float whole = std::isnan(exact) ? 0.0f : std::nearbyint(std::clamp(exact, float(-most), float(most)));
        code[d] = int8_t(whole);
        const double left = double(row[d]) - double(scale) * double(whole);
        error += left * left;
    }
    return {scale, error};
}

void put(int8_t *block, int64_t row, int64_t d, int8_t code, int bits) {
    if (bits == 8) {
        block[(d / 2 * 16 + row) * 2 + d % 2] = code;
        return;
    }
    int8_t &byte = block[(d / 4 * 16 + row) * 2 + d % 2];
    const int nibble = code + 8;
    byte = int8_t(d % 4 < 2 ? (byte & 0xF0) | nibble : (byte & 0x0F) | nibble << 4);
}

void code_block(const WordTable &table, const RowCoding &coding, int64_t block, int8_t *best, int8_t *tried) {
    const int64_t D = table.D, bytes = block_bytes(D, coding.bits), columns = bytes / 32 * (coding.bits == 8 ? 2 : 4);
    const int most = coding.bits == 8 ? 127 : 7;
    int8_t *codes = coding.codes + block * bytes;
    for (int64_t r = 0; r < 16; ++r) {
        const int64_t w = block * 16 + r;
        std::fill(best, best + columns, int8_t(0));
        Rounded found{0.0f, 0.0};
        double norm = 0.0;
        if (w < table.V) {
            const float *row = table.weight + w * D;
            float largest = 0.0f;
            for (int64_t d = 0; d < D; ++d)
                largest = std::max(largest, std::fabs(row[d])), norm += double(row[d]) * row[d];
            found = round_row(row, D, largest, most, best);
            if (coding.bits == 4)
                for (float clip : clips) {
                    const Rounded other = round_row(row, D, clip * largest, most, tried);
                    if (other.error < found.error) found = other, std::copy(tried, tried + D, best);
                }
        }
        coding.scale[w] = found.scale;
        coding.error[w] = rounded_up(std::sqrt(found.error));
        coding.norm[w] = rounded_up(std::sqrt(norm));
        for (int64_t d = 0; d < columns; ++d) put(codes, r, d, best[d], coding.bits);
        if (coding.residual && w < table.V)
            for (int64_t d = 0; d < D; ++d)
                coding.residual[w * D + d] =
                    float(double(table.weight[w * D + d]) - double(found.scale) * double(best[d]));
    }
}

} // namespace

void code_rows(const WordTable &table, const RowCoding &coding, int threads) {
    const int64_t blocks = num_blocks(table.V);
    const int count = worthwhile_threads(threads, double(table.V) * double(table.D));
    in_threads(count, [&](int thread) {
        std::vector<int8_t> best(size_t(table.D) + 4), tried(size_t(table.D) + 4);
        for (int64_t block = share(blocks, thread, count); block < share(blocks, thread + 1, count); ++block)
            code_block(table, coding, block, best.data(), tried.data());
    });
}

} // namespace vastmax::VASTMAX_TARGET
