// The logistic function and its loss on vectors, accurate to a few units in the last place: no table, no clipping.
#pragma once

#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {

// exp(x) for |x| <= 87. Range reduction x = n ln 2 + r with |r| <= ln(2)/2 (Cody & Waite 1980), then the Taylor series of
// exp(r) to degree 7, whose remainder is below 1e-8 there.
inline Vec exp_in_range(Vec x) {
    constexpr float log2_e = 1.44269504089f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    constexpr float round_to_integer = 12582912.0f; // 1.5 * 2^23: adding it leaves an integer in the low bits
    Vec shifted = x * log2_e + round_to_integer;
    Vec n = shifted - round_to_integer;
    Vec r = x - n * ln2_high - n * ln2_low;
    Vec p = broadcast(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    IntVec exponent = __builtin_convertvector(n, IntVec) << 23;
    return bits<Vec>(bits<IntVec>(p) + exponent);
}

// exp(x) for x <= 0; results under the smallest normal number become 0.
inline Vec exp_of_negative(Vec x) {
    constexpr float smallest = -87.3f; // exp of it is just above the smallest normal number
    IntVec tiny = x < broadcast(smallest);
    Vec result = exp_in_range(tiny ? broadcast(smallest) : x);
    return tiny ? Vec{} : result;
}

struct Logistic {
    Vec sigmoid; // 1 / (1 + exp(-s))
    Vec softplus; // log(1 + exp(s)), the loss of a noise word with score s; a true word's is softplus(-s) = softplus(s) - s
};

// log(1 + e) for e in [0, 1] as 2 artanh(z), z = e / (2 + e) <= 1/3, by its series to z^13 (remainder below 2e-8).
inline Logistic logistic(Vec s) {
    IntVec positive = s > Vec{};
    Vec e = exp_of_negative(positive ? -s : s);
    Vec reciprocal = 1.0f / ((1.0f + e) * (2.0f + e)); // one division serves both quotients
    Vec larger = reciprocal * (2.0f + e);              // 1 / (1 + e)
    Vec z = e * reciprocal * (1.0f + e);
    Vec z2 = z * z;
    Vec p = broadcast(2.0f / 13);
    p = p * z2 + 2.0f / 11;
    p = p * z2 + 2.0f / 9;
    p = p * z2 + 2.0f / 7;
    p = p * z2 + 2.0f / 5;
    p = p * z2 + 2.0f / 3;
    p = p * z2 + 2.0f;
    Vec log1p = p * z;
    return {positive ? larger : e * larger, positive ? s + log1p : log1p};
}

} // namespace vastmax::VASTMAX_TARGET
