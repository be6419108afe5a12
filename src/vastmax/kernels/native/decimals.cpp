// Decimal numbers in text, as Python and NumPy read them: the nearest double, then the nearest float.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "bindings.hpp"

using namespace vastmax;

namespace {

// Powers of ten that a double holds exactly; with a whole number below 2^53, one rounding gives the nearest double
// (Clinger 1990).
constexpr double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int most_power = 22;
constexpr uint64_t most_whole = uint64_t(1) << 53;
constexpr int most_digits = 18; // of a whole number that surely fits 64 bits
constexpr int most_exponent = 100'000;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Decimals {
  public:
    Decimals(const char *text, const char *end) : at_(text), end_(end) {}

    // Reads the next number into `value`. Returns false at the end of the text and where there is no number.
    bool next(float &value) {
        while (at_ < end_ && is_space(*at_)) ++at_;
        if (at_ == end_) return false;
        const char *const begin = at_;
        double exact;
        if (!read(exact)) {
            at_ = begin;
            return false;
        }
        if (std::isnan(exact)) exact = rounded(begin);
        value = float(exact); // an infinity where it is beyond all floats, by IEEE 754
        return true;
    }
    bool at_end() const { return at_ == end_; }

  private:
    // Passes over a number, and sets `value` if one rounding gives it, else to a NaN. Returns false where none is.
    bool read(double &value) {
        const bool negative = *at_ == '-';
        if (*at_ == '-' || *at_ == '+') ++at_;
        uint64_t whole = 0;
        int digits = 0, power = 0;
        bool any = false;
        for (bool fraction = false; at_ < end_; ++at_) {
            if (is_digit(*at_)) {
                any = true;
                if (digits < most_digits) {
                    whole = 10 * whole + uint64_t(*at_ - '0');
                    digits += whole > 0;
                    power -= fraction;
                } else {
                    digits = most_digits + 1;
                }
            } else if (*at_ == '.' && !fraction) {
                fraction = true;
            } else {
                break;
            }
        }
        if (!any) return false;
        if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
            ++at_;
            const bool down = at_ < end_ && *at_ == '-';
            if (at_ < end_ && (*at_ == '-' || *at_ == '+')) ++at_;
            if (at_ == end_ || !is_digit(*at_)) return false;
            int exponent = 0;
            for (; at_ < end_ && is_digit(*at_); ++at_)
                if (exponent < most_exponent) exponent = 10 * exponent + (*at_ - '0');
            power += down ? -exponent : exponent;
        }
        if (at_ < end_ && !is_space(*at_)) return false;
        if (digits > most_digits || whole > most_whole || power < -most_power || power > most_power) {
            value = whole == 0 && digits <= most_digits ? 0.0 : std::numeric_limits<double>::quiet_NaN();
        } else {
            value = power < 0 ? double(whole) / powers[-power] : double(whole) * powers[power];
        }
        if (negative) value = -value;
        return true;
    }

    // What Python's float() gives for the number that begins there and ends at the current place.
    double rounded(const char *begin) {
        copy_.assign(begin, at_);
        const double value = PyOS_string_to_double(copy_.c_str(), nullptr, nullptr); // infinite beyond all doubles
        if (PyErr_Occurred()) throw nb::python_error();
        return value;
    }

    const char *at_, *const end_;
    std::string copy_;
};

// Fills `values` with the numbers in a text, which white space separates. Returns whether there are exactly so many and
// nothing else.
bool read_decimals(const nb::bytes &text, Column<float> values) {
    Decimals decimals(text.c_str(), text.c_str() + text.size());
    for (int64_t i = 0; i < values.length(); ++i)
        if (!decimals.next(values.data()[i])) return false;
    float more;
    return !decimals.next(more) && decimals.at_end();
}

} // namespace

void bind_decimals(nb::module_ &m) { m.def("read_decimals", &read_decimals, "text"_a, "values"_a); }
