// What the kernels that look for patterns in spellings are called with; the same for every instruction set.
#pragma once

#include <cstdint>

namespace vastmax {

// Pattern f looks at `widths[f]` symbols in a row; what symbol x, at offset o of them, adds to its fit is
// table[(x * widest + o) * F + f], and 0 where o >= widths[f].
struct Patterns {
    const int32_t *widths; // (F,)
    int64_t F, widest, num_symbols;
};

// The words that are asked about: word_ids[u] has the symbols symbols[offsets[w] .. offsets[w + 1]), at least one, and
// `nothing` is what follows them.
struct SpelledWords {
    const int16_t *symbols;
    const int64_t *offsets;
    const int64_t *word_ids; // (U,)
    int64_t U;
    int16_t nothing;
};

// fit[u, f]: how well pattern f fits word u where it fits best; place[u, f]: the first place where it does (or null).
struct PatternFitForward {
    SpelledWords words;
    Patterns patterns;
    const float *table; // (num_symbols, widest, F)
    float *fit;
    int32_t *place;
};

// table_gradient: of Σ upstream * fit by the table, in the order (F, widest, num_symbols).
struct PatternFitBackward {
    SpelledWords words;
    Patterns patterns;
    const int32_t *place;
    const float *upstream; // (U, F)
    float *table_gradient;
};

#define VASTMAX_DECLARE_PATTERN_FIT(name)                                                                              \
    namespace name {                                                                                                   \
    void pattern_fit_forward(const PatternFitForward &batch, int threads);                                             \
    void pattern_fit_backward(const PatternFitBackward &batch, int threads);                                           \
    }
VASTMAX_DECLARE_PATTERN_FIT(baseline)
VASTMAX_DECLARE_PATTERN_FIT(avx2)
VASTMAX_DECLARE_PATTERN_FIT(avx512)
#undef VASTMAX_DECLARE_PATTERN_FIT

} // namespace vastmax
