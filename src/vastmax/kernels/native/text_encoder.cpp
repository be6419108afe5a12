// See text_encoder.hpp. Two paths give the same words: `fast` looks at eight bytes at a time and needs the whole word
// in the chunk; `step` takes one byte at a time and carries a word, or a character, over the edge of a chunk.
#include "text_encoder.hpp"

#include "mixing.hpp"

#include <array>
#include <cstring>
#include <limits>

namespace vastmax {
namespace {

constexpr unsigned char kReplacement[3] = {0xEF, 0xBF, 0xBD}; // U+FFFD
constexpr std::uint32_t kByteOrderMark = 0xFEFF;
constexpr std::size_t kFastMargin = 32; // bytes after a word's first that `fast` may read without looking
constexpr unsigned kFirstTableBits = 12;

enum Kind : unsigned char { kLetter, kSpace, kNewline, kNul, kHigh };

constexpr std::array<unsigned char, 256> make_kinds() {
    std::array<unsigned char, 256> kinds{};
    for (int c = 0x80; c < 0x100; ++c) kinds[c] = kHigh;
    for (int c = 0x09; c <= 0x0D; ++c) kinds[c] = kSpace;
    for (int c = 0x1C; c <= 0x20; ++c) kinds[c] = kSpace;
    kinds['\n'] = kNewline;
    kinds[0] = kNul;
    return kinds;
}
constexpr auto kKinds = make_kinds();

// What str.isspace() holds beyond ASCII.
bool is_wide_space(std::uint32_t c) {
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

std::uint64_t load8(const unsigned char *p) { // the first byte lowest, on every machine
    std::uint64_t x;
    std::memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

std::uint64_t keep_bytes(std::uint64_t x, std::size_t n) {
    return x & (~std::uint64_t{0} >> (64 - 8 * n));
} // 1 ≤ n ≤ 8

// High bits where a byte is ≤ 0x20 or ≥ 0x80. A borrow can make a byte above a hit wrong, never the lowest hit.
std::uint64_t stops(std::uint64_t x) { return ((x - 0x2121212121212121u) | x) & 0x8080808080808080u; }

// `word` has 16 readable bytes whatever its size.
WordKey make_key(const unsigned char *word, std::size_t size) {
    WordKey key{0, 0, static_cast<std::uint32_t>(size), 0};
    if (size == 0) {
    } else if (size <= 8) {
        key.low = keep_bytes(load8(word), size);
    } else if (size <= 16) {
        key.low = load8(word);
        key.high = keep_bytes(load8(word + 8), size - 8);
    } else {
        std::uint64_t hash = kSeed0 ^ size;
        for (std::size_t i = 0; i + 8 < size; i += 8) hash = fold(load8(word + i) ^ hash, kSeed1);
        key.low = fold(load8(word + size - 8) ^ hash, kSeed0);
        key.high = load8(word);
    }
    key.hash = fold(key.low ^ kSeed0, key.high ^ kSeed1 ^ (static_cast<std::uint64_t>(size) << 32));
    return key;
}

// How many bytes a character has by its first byte, and the bounds of its second (Unicode's table 3-7); 0: no such one.
unsigned character_size(unsigned char first, unsigned char &low, unsigned char &high) {
    low = 0x80, high = 0xBF;
    if (first < 0xC2 || first > 0xF4) return 0;
    if (first < 0xE0) return 2;
    if (first < 0xF0) {
        if (first == 0xE0) low = 0xA0;
        if (first == 0xED) high = 0x9F; // beyond are surrogates
        return 3;
    }
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    return 4;
}

std::uint32_t code_point(const unsigned char *p, unsigned size) {
    std::uint32_t c = p[0] & (0xFFu >> (size + 1));
    for (unsigned i = 1; i < size; ++i) c = c << 6 | (p[i] & 0x3Fu);
    return c;
}

} // namespace

WordTable::WordTable() : slots_(std::size_t{1} << kFirstTableBits), shift_(64 - kFirstTableBits), ends_{0} {}

std::int32_t WordTable::count(const WordKey &key, const unsigned char *word) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = key.hash >> shift_;
    for (;; at = (at + 1) & mask) {
        Slot &slot = slots_[at];
        if (slot.id_plus_one == 0) break;
        if (slot.low == key.low && slot.high == key.high && slot.length == key.length &&
            (key.length <= 16 || std::memcmp(&arena_[ends_[slot.id_plus_one - 1]], word, key.length) == 0)) {
            ++slot.count;
            return slot.id_plus_one - 1;
        }
    }
    const std::size_t id = size();
    if (id == static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) return -1;
    arena_.insert(arena_.end(), word, word + key.length);
    ends_.push_back(static_cast<std::int64_t>(arena_.size()));
    slots_[at] = Slot{key.low, key.high, key.length, static_cast<std::int32_t>(id + 1), 1};
    if (2 * (id + 1) > slots_.size()) grow();
    return static_cast<std::int32_t>(id);
}

void WordTable::grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    --shift_;
    const std::size_t mask = slots_.size() - 1;
    for (const Slot &slot : old) {
        if (slot.id_plus_one == 0) continue;
        // The hash is a function of what the slot holds; see the last line of make_key.
        std::size_t at = fold(slot.low ^ kSeed0, slot.high ^ kSeed1 ^ (std::uint64_t{slot.length} << 32)) >> shift_;
        while (slots_[at].id_plus_one != 0) at = (at + 1) & mask;
        slots_[at] = slot;
    }
}

void WordTable::counts(std::int64_t *out) const {
    for (const Slot &slot : slots_)
        if (slot.id_plus_one != 0) out[slot.id_plus_one - 1] = static_cast<std::int64_t>(slot.count);
}

TextEncoder::TextEncoder(bool replace) : replace_(replace) { piece_.reserve(64); }

void TextEncoder::begin() {
    position_ = 0;
    piece_.clear();
    piece_length_ = 0;
    partial_size_ = 0;
    problem_ = Problem::none;
}

Problem TextEncoder::fail(Problem problem, std::int64_t offset) {
    problem_offset_ = offset;
    return problem_ = problem;
}

void TextEncoder::reserve_ids(std::size_t more) {
    const std::size_t need = num_ids_ + num_waiting_ + more;
    if (need <= id_capacity_) return;
    const std::size_t capacity = need + need / 2;
    std::unique_ptr<std::int32_t[]> larger(new std::int32_t[capacity]);
    if (num_ids_ != 0) std::memcpy(larger.get(), ids_.get(), num_ids_ * sizeof(std::int32_t));
    ids_ = std::move(larger);
    id_capacity_ = capacity;
}

void TextEncoder::clear_output() {
    emitted_before_ += static_cast<std::int64_t>(num_ids_);
    num_ids_ = 0;
    cleared_ends_.swap(sentence_ends_); // they may still be read until more comes out, as the ids may
    sentence_ends_.clear();
}

void TextEncoder::wait(const unsigned char *word, std::size_t size) {
    Waiting &waiting = waiting_[num_waiting_++];
    waiting.key = make_key(word, size);
    waiting.word = word;
    table_.prefetch(waiting.key.hash);
}

void TextEncoder::settle(std::int64_t offset) {
    std::int32_t *out = ids_.get() + num_ids_;
    for (std::size_t i = 0; i < num_waiting_; ++i) {
        out[i] = table_.count(waiting_[i].key, waiting_[i].word);
        if (out[i] < 0) fail(Problem::too_many_words, offset);
    }
    num_ids_ += num_waiting_;
    num_waiting_ = 0;
}

void TextEncoder::end_sentence() {
    const std::int64_t end = num_tokens();
    if (end == last_end_) return; // a line without words is no sentence
    sentence_ends_.push_back(end);
    last_end_ = end;
    ++num_sentences_;
}

const unsigned char *TextEncoder::fast(const unsigned char *p, const unsigned char *end) {
    const unsigned char *const chunk = p;
    const std::int64_t base = position_;
    while (end - p >= static_cast<std::ptrdiff_t>(kFastMargin)) {
        const unsigned char *const word = p;
        unsigned separator = 1;
        bool newline = false;
        for (;;) {
            if (end - p < 8) return word;
            const std::uint64_t hits = stops(load8(p));
            if (hits == 0) {
                p += 8;
                continue;
            }
            p += __builtin_ctzll(hits) >> 3;
            if (*p == ' ') break; // by far the most frequent
            const unsigned char kind = kKinds[*p];
            if (kind == kNewline) {
                newline = true;
                break;
            }
            if (kind == kSpace) break;
            if (kind == kNul && !replace_) return word; // `step` reports it
            if (kind != kHigh) {
                ++p;
                continue;
            }
            bool wide_space = false;
            do { // a run of characters beyond ASCII
                unsigned char low, high;
                const unsigned size = character_size(*p, low, high);
                if (size == 0 || end - p < static_cast<std::ptrdiff_t>(size) || p[1] < low || p[1] > high) return word;
                for (unsigned i = 2; i < size; ++i)
                    if ((p[i] & 0xC0) != 0x80) return word;
                if (is_wide_space(code_point(p, size))) {
                    separator = size;
                    wide_space = true;
                    break;
                }
                p += size;
            } while (p < end && *p >= 0x80);
            if (wide_space) break;
        }
        const std::size_t size = static_cast<std::size_t>(p - word);
        if (size != 0) {
            if (size <= kMaxWordBytes) {
                wait(word, size);
            } else if (replace_) {
                settle(base + (word - chunk));
                append(kReplacement, sizeof kReplacement, base + (word - chunk));
                end_word();
            } else {
                fail(Problem::long_word, base + (word - chunk));
            }
            if (num_waiting_ == kWaiting) settle(base + (word - chunk));
            if (problem_ != Problem::none) return p;
        }
        if (newline) end_sentence();
        p += separator;
    }
    return p;
}

Problem TextEncoder::feed(const unsigned char *chunk, std::size_t size) {
    if (problem_ != Problem::none) return problem_;
    reserve_ids(size / 2 + kWaiting + 2);
    const unsigned char *p = chunk;
    const unsigned char *const end = chunk + size;
    while (p < end) {
        const bool mark = position_ == 0 && *p == 0xEF; // perhaps a byte order mark: `accept` drops it
        if (piece_length_ == 0 && partial_size_ == 0 && !mark) {
            const unsigned char *const stopped = fast(p, end);
            position_ += stopped - p;
            p = stopped;
            if (problem_ == Problem::none) settle(position_); // what `step` adds comes after them
            if (problem_ != Problem::none) return problem_;
        }
        // Single steps to the end of the word, at least one.
        while (p < end) {
            if (step(*p, position_) != Problem::none) return problem_;
            ++p;
            ++position_;
            if (piece_length_ == 0 && partial_size_ == 0) break;
        }
    }
    return Problem::none;
}

Problem TextEncoder::step(unsigned char byte, std::int64_t offset) {
    if (partial_size_ != 0) {
        if (byte >= next_low_ && byte <= next_high_) {
            partial_[partial_size_++] = byte;
            next_low_ = 0x80, next_high_ = 0xBF;
            if (partial_size_ < partial_need_) return Problem::none;
            const unsigned size = partial_size_;
            partial_size_ = 0;
            return accept(partial_, size, code_point(partial_, size), offset + 1 - size);
        }
        const std::int64_t first = offset - partial_size_;
        if (!replace_) return fail(Problem::invalid_utf8, first);
        append(kReplacement, sizeof kReplacement, first); // one for the longest beginning of a character
        partial_size_ = 0;
    }
    switch (kKinds[byte]) {
    case kSpace: return end_word();
    case kNewline:
        if (end_word() != Problem::none) return problem_;
        end_sentence();
        return Problem::none;
    case kNul:
        if (!replace_) return fail(Problem::nul_byte, offset);
        break;
    case kHigh:
        partial_need_ = character_size(byte, next_low_, next_high_);
        if (partial_need_ != 0) {
            partial_[0] = byte;
            partial_size_ = 1;
            return Problem::none;
        }
        if (!replace_) return fail(Problem::invalid_utf8, offset);
        append(kReplacement, sizeof kReplacement, offset);
        return Problem::none;
    default: break;
    }
    append(&byte, 1, offset);
    return problem_;
}

Problem TextEncoder::accept(const unsigned char *character, unsigned size, std::uint32_t c, std::int64_t offset) {
    if (is_wide_space(c)) return end_word();
    if (c == kByteOrderMark && offset == 0) return Problem::none;
    append(character, size, offset);
    return problem_;
}

void TextEncoder::append(const unsigned char *bytes, std::size_t size, std::int64_t offset) {
    if (piece_length_ == 0) piece_offset_ = offset;
    piece_length_ += static_cast<std::int64_t>(size);
    if (piece_length_ <= static_cast<std::int64_t>(kMaxWordBytes))
        piece_.insert(piece_.end(), bytes, bytes + size);
    else if (!replace_)
        fail(Problem::long_word, piece_offset_); // at once: what follows may be gigabytes
}

Problem TextEncoder::end_word() {
    if (piece_length_ == 0) return Problem::none;
    if (piece_length_ > static_cast<std::int64_t>(kMaxWordBytes)) // `append` has refused it unless we replace
        piece_.assign(kReplacement, kReplacement + sizeof kReplacement);
    const Problem problem = add_word(piece_.data(), piece_.size());
    piece_.clear();
    piece_length_ = 0;
    return problem == Problem::none ? problem : fail(problem, piece_offset_);
}

Problem TextEncoder::add_word(const unsigned char *word, std::size_t size) {
    if (size > kMaxWordBytes) return Problem::long_word;
    reserve_ids(1);
    unsigned char padded[16] = {};
    const bool small = size <= sizeof padded;
    if (small && size != 0) std::memcpy(padded, word, size);
    const std::int32_t id = table_.count(make_key(small ? padded : word, size), word);
    if (id < 0) return Problem::too_many_words;
    ids_[num_ids_++] = id;
    return Problem::none;
}

Problem TextEncoder::end() {
    if (problem_ != Problem::none) return problem_;
    if (partial_size_ != 0) {
        const std::int64_t first = position_ - partial_size_;
        if (!replace_) return fail(Problem::invalid_utf8, first);
        append(kReplacement, sizeof kReplacement, first);
        partial_size_ = 0;
    }
    if (end_word() != Problem::none) return problem_;
    end_sentence();
    return Problem::none;
}

} // namespace vastmax
