// Neighbouring words: how often each pair occurs, and the text with chosen pairs joined into one word. No Python here.
//
// Text comes as word ids and the ends of sentences among them, in any division: a sentence may go on in the next call.
// A word marked as a connector ("of") neither begins nor ends a pair, but may stand inside one: in "bank of america" the
// pair is (bank of, america). What stands before the last word is a prefix: the first word's own id, or a number from
// `num_words` on for a first word with connectors behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mixing.hpp"

namespace vastmax {

// One piece of text; `ends` are the positions behind the last words of sentences, rising, each ≤ size.
struct Text {
    const std::int32_t *word_ids;
    std::int64_t size;
    const std::int64_t *ends;
    std::int64_t num_ends;
};

inline std::uint64_t pair_key(std::int32_t prefix, std::int32_t word) {
    return std::uint64_t(std::uint32_t(prefix)) << 32 | std::uint32_t(word);
}
inline std::uint64_t pair_hash(std::uint64_t key) { return fold(key ^ kSeed0, kSeed1); }

// From pairs to numbers: an open-addressing table, 16 bytes a slot, at most two thirds full.
class PairTable {
  public:
    struct Slot {
        std::uint64_t key_plus_one; // 0: free
        std::uint64_t value;
    };
    explicit PairTable(unsigned bits);

    // The slot of the key, or the free one where it belongs.
    Slot &find(std::uint64_t key, std::uint64_t hash) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = hash >> shift_;
        while (slots_[at].key_plus_one != 0 && slots_[at].key_plus_one != key + 1) at = (at + 1) & mask;
        return slots_[at];
    }
    // Fills a free slot that `find` gave; slots move if the table grows.
    void fill(Slot &slot, std::uint64_t key, std::uint64_t value) {
        slot = {key + 1, value};
        if (++size_ * 3 > slots_.size() * 2) rebuild(64 - shift_ + 1);
    }
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash >> shift_], 1); }
    bool is_full() const { return (size_ + 1) * 3 > slots_.size() * 2; } // the next `fill` makes it grow

    std::size_t size() const { return size_; }
    unsigned bits() const { return 64 - shift_; }
    const std::vector<Slot> &slots() const { return slots_; }
    void clear();
    template <class Keep> void drop_others(const Keep &keep); // keep(hash) says which stay

  private:
    void rebuild(unsigned bits);

    std::vector<Slot> slots_;
    unsigned shift_; // a hash's top bits are its home slot
    std::size_t size_ = 0;
};

// Counts pairs, exactly, within bounded memory: when the table may not grow any further, it gives up the half of the
// hashes that have one more low bit set, and counts those when the text is read again.
class PairCounter {
  public:
    // Pairs with a word of `num_countable` or above are passed over, but such a word still keeps its neighbours apart.
    // `connectors`, (num_words,), may be null. The table has at most 2^most_bits slots.
    PairCounter(std::int32_t num_words, std::int32_t num_countable, const std::uint8_t *connectors, unsigned most_bits);

    void feed(const Text &text);
    void finish_reading(); // before looking at `table`
    // To the hashes that were given up, if any: the text is to be fed once more.
    bool next_share();

    const PairTable &table() const { return table_; }
    // What prefix `num_words + i` is: (prefix before it, connector).
    struct Prefix {
        std::int32_t before, connector;
    };
    const std::vector<Prefix> &prefixes() const { return prefixes_; }

  private:
    struct Share { // hashes with (hash & mask) == value
        std::uint64_t mask, value;
    };
    struct Waiting {
        std::uint64_t key, hash;
    };
    static constexpr int kWaiting = 64; // pairs whose slots are being fetched while later ones are met

    void feed_with_connectors(const Text &text);
    std::int32_t longer(std::int32_t prefix, std::int32_t connector);
    void wait(std::int32_t prefix, std::int32_t word);
    void settle();
    void give_up_half();

    std::int32_t num_words_, num_countable_;
    std::vector<std::uint8_t> connectors_;
    unsigned most_bits_;
    PairTable table_;
    PairTable longer_{8}; // (prefix, connector) → prefix
    std::vector<Prefix> prefixes_;
    std::int32_t prefix_ = -1; // of the sentence under way
    Share share_{0, 0};
    std::vector<Share> given_up_;
    Waiting waiting_[kWaiting];
    int num_waiting_ = 0;
};

// Joins from left to right: a word that was joined to the one before it begins nothing.
class PhraseJoiner {
  public:
    // The joined text has ids below `num_ids`.
    PhraseJoiner(std::int32_t num_words, std::int32_t num_ids, const std::uint8_t *connectors);
    // `prefix` followed by `connector` is prefix number `longer`, ≥ num_words; all prefixes come before feeding.
    void add_prefix(std::int32_t prefix, std::int32_t connector, std::int32_t longer);
    void add_phrase(std::int32_t prefix, std::int32_t word, std::int32_t joined);

    void feed(const Text &text);

    // What came out since clear_output(); ends count all tokens so far.
    const std::vector<std::int32_t> &ids() const { return ids_; }
    const std::vector<std::int64_t> &sentence_ends() const { return sentence_ends_; }
    void clear_output();

    const std::vector<std::int64_t> &counts() const { return counts_; }         // (num_ids,)
    const std::vector<std::int32_t> &first_seen() const { return first_seen_; } // ids in the order of their first token
    std::int64_t num_tokens() const { return emitted_before_ + std::int64_t(ids_.size()); }

  private:
    void take(std::int32_t word);
    void end_sentence();
    void emit(std::int32_t id) {
        if (counts_[id]++ == 0) first_seen_.push_back(id);
        ids_.push_back(id);
    }
    void dissolve();

    std::int32_t num_words_;
    std::vector<std::uint8_t> connectors_;
    std::vector<std::uint8_t> begins_; // by word: whether it begins a phrase or a longer prefix
    PairTable longer_{8}, joined_{8};
    std::int32_t start_ = -1;  // a word that the next one may join
    std::int32_t prefix_ = -1; // that word with the connectors since; -1: no phrase begins so
    std::vector<std::int32_t> between_;
    std::vector<std::int32_t> ids_;
    std::vector<std::int64_t> sentence_ends_, counts_;
    std::vector<std::int32_t> first_seen_;
    std::int64_t emitted_before_ = 0;
};

} // namespace vastmax
