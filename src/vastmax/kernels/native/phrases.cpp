// See phrases.hpp.
#include "phrases.hpp"

#include <algorithm>

namespace vastmax {
namespace {

constexpr unsigned kFirstBits = 12;

std::vector<std::uint8_t> copied(const std::uint8_t *marks, std::int32_t size) {
    return marks == nullptr ? std::vector<std::uint8_t>() : std::vector<std::uint8_t>(marks, marks + size);
}

// Calls whole(begin, end, ended) for each sentence, or part of one, in the text.
template <class F> void for_each_part(const Text &text, const F &whole) {
    std::int64_t begin = 0;
    for (std::int64_t s = 0; s < text.num_ends; ++s) {
        whole(text.word_ids + begin, text.word_ids + text.ends[s], true);
        begin = text.ends[s];
    }
    if (begin < text.size) whole(text.word_ids + begin, text.word_ids + text.size, false);
}

} // namespace

PairTable::PairTable(unsigned bits) : slots_(std::size_t{1} << bits), shift_(64 - bits) {}

void PairTable::rebuild(unsigned bits) {
    std::vector<Slot> old(std::size_t{1} << bits);
    old.swap(slots_);
    shift_ = 64 - bits;
    for (const Slot &slot : old)
        if (slot.key_plus_one != 0) find(slot.key_plus_one - 1, pair_hash(slot.key_plus_one - 1)) = slot;
}

void PairTable::clear() {
    std::fill(slots_.begin(), slots_.end(), Slot{0, 0});
    size_ = 0;
}

template <class Keep> void PairTable::drop_others(const Keep &keep) {
    std::vector<Slot> kept;
    for (const Slot &slot : slots_)
        if (slot.key_plus_one != 0 && keep(pair_hash(slot.key_plus_one - 1))) kept.push_back(slot);
    clear();
    size_ = kept.size();
    for (const Slot &slot : kept) find(slot.key_plus_one - 1, pair_hash(slot.key_plus_one - 1)) = slot;
}

PairCounter::PairCounter(std::int32_t num_words, std::int32_t num_countable, const std::uint8_t *connectors,
                         unsigned most_bits)
    : num_words_(num_words), num_countable_(num_countable), connectors_(copied(connectors, num_words)),
      most_bits_(most_bits), table_(std::min(kFirstBits, most_bits)) {}

void PairCounter::feed(const Text &text) {
    if (!connectors_.empty()) return feed_with_connectors(text);
    for_each_part(text, [&](const std::int32_t *word, const std::int32_t *end, bool ended) {
        std::int32_t before = prefix_;
        for (; word < end; ++word) {
            const std::int32_t countable = *word < num_countable_ ? *word : -1;
            if ((before | countable) >= 0) wait(before, countable);
            before = countable;
        }
        prefix_ = ended ? -1 : before;
    });
}

void PairCounter::feed_with_connectors(const Text &text) {
    for_each_part(text, [&](const std::int32_t *word, const std::int32_t *end, bool ended) {
        for (; word < end; ++word) {
            if (connectors_[*word]) {
                if (prefix_ >= 0) prefix_ = longer(prefix_, *word);
            } else {
                const std::int32_t countable = *word < num_countable_ ? *word : -1;
                if ((prefix_ | countable) >= 0) wait(prefix_, countable);
                prefix_ = countable;
            }
        }
        if (ended) prefix_ = -1;
    });
}

std::int32_t PairCounter::longer(std::int32_t prefix, std::int32_t connector) {
    const std::uint64_t key = pair_key(prefix, connector);
    PairTable::Slot &slot = longer_.find(key, pair_hash(key));
    if (slot.key_plus_one != 0) return std::int32_t(slot.value);
    if (prefixes_.size() >= std::size_t(INT32_MAX - num_words_)) return -1; // numbers have run out: begins no phrase
    const auto found = std::int32_t(num_words_ + std::int64_t(prefixes_.size()));
    prefixes_.push_back({prefix, connector});
    longer_.fill(slot, key, std::uint64_t(found));
    return found;
}

void PairCounter::wait(std::int32_t prefix, std::int32_t word) {
    const std::uint64_t key = pair_key(prefix, word), hash = pair_hash(key);
    if ((hash & share_.mask) != share_.value) return;
    table_.prefetch(hash);
    waiting_[num_waiting_++] = {key, hash};
    if (num_waiting_ == kWaiting) settle();
}

void PairCounter::settle() {
    for (int i = 0; i < num_waiting_; ++i) {
        const Waiting &pair = waiting_[i];
        PairTable::Slot *slot = &table_.find(pair.key, pair.hash);
        if (slot->key_plus_one != 0) {
            ++slot->value;
            continue;
        }
        if (table_.is_full() && table_.bits() >= most_bits_) {
            while (table_.is_full()) give_up_half();
            if ((pair.hash & share_.mask) != share_.value) continue;
            slot = &table_.find(pair.key, pair.hash);
        }
        // Pairs that wait behind may belong to the half that was given up.
        if ((pair.hash & share_.mask) == share_.value) table_.fill(*slot, pair.key, 1);
    }
    num_waiting_ = 0;
}

void PairCounter::give_up_half() {
    const std::uint64_t bit = share_.mask + 1;
    given_up_.push_back({share_.mask | bit, share_.value | bit});
    share_.mask |= bit;
    table_.drop_others([this](std::uint64_t hash) { return (hash & share_.mask) == share_.value; });
}

void PairCounter::finish_reading() {
    settle();
    prefix_ = -1;
}

bool PairCounter::next_share() {
    if (given_up_.empty()) return false;
    share_ = given_up_.back();
    given_up_.pop_back();
    table_.clear();
    return true;
}

PhraseJoiner::PhraseJoiner(std::int32_t num_words, std::int32_t num_ids, const std::uint8_t *connectors)
    : num_words_(num_words), connectors_(copied(connectors, num_words)), begins_(std::size_t(num_words)),
      counts_(std::size_t(num_ids)) {}

void PhraseJoiner::add_prefix(std::int32_t prefix, std::int32_t connector, std::int32_t longer) {
    const std::uint64_t key = pair_key(prefix, connector);
    longer_.fill(longer_.find(key, pair_hash(key)), key, std::uint64_t(longer));
    if (prefix < num_words_) begins_[std::size_t(prefix)] = 1;
}

void PhraseJoiner::add_phrase(std::int32_t prefix, std::int32_t word, std::int32_t joined) {
    const std::uint64_t key = pair_key(prefix, word);
    joined_.fill(joined_.find(key, pair_hash(key)), key, std::uint64_t(joined));
    if (prefix < num_words_) begins_[std::size_t(prefix)] = 1;
}

void PhraseJoiner::feed(const Text &text) {
    for_each_part(text, [&](const std::int32_t *word, const std::int32_t *end, bool ended) {
        for (; word < end; ++word) take(*word);
        if (ended) end_sentence();
    });
}

void PhraseJoiner::take(std::int32_t word) {
    if (!connectors_.empty() && connectors_[std::size_t(word)]) {
        if (start_ < 0) return emit(word);
        between_.push_back(word);
        if (prefix_ >= 0) {
            const std::uint64_t key = pair_key(prefix_, word);
            const PairTable::Slot &slot = longer_.find(key, pair_hash(key));
            prefix_ = slot.key_plus_one != 0 ? std::int32_t(slot.value) : -1;
        }
        return;
    }
    if (prefix_ >= 0) {
        const std::uint64_t key = pair_key(prefix_, word);
        const PairTable::Slot &slot = joined_.find(key, pair_hash(key));
        if (slot.key_plus_one != 0) {
            emit(std::int32_t(slot.value));
            start_ = prefix_ = -1;
            between_.clear();
            return;
        }
    }
    dissolve();
    start_ = word;
    prefix_ = begins_[std::size_t(word)] ? word : -1;
}

void PhraseJoiner::dissolve() {
    if (start_ >= 0) emit(start_);
    for (const std::int32_t word : between_) emit(word);
    between_.clear();
}

void PhraseJoiner::end_sentence() {
    dissolve();
    start_ = prefix_ = -1;
    sentence_ends_.push_back(num_tokens());
}

void PhraseJoiner::clear_output() {
    emitted_before_ += std::int64_t(ids_.size());
    ids_.clear();
    sentence_ends_.clear();
}

} // namespace vastmax
