// Text to ids in one pass: splits UTF-8 bytes into words as Python's str.split() splits the decoded text, gives every
// distinct word an id in first-seen order, counts it, and hands out the stream of ids. No Python in here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vastmax {

// A longer word is never a word but text that is not separated by white space; ending it here bounds memory.
constexpr std::size_t kMaxWordBytes = 65535;

enum class Problem : int { none = 0, nul_byte = 1, invalid_utf8 = 2, long_word = 3, too_many_words = 4 };

// A word as the table compares it. Up to 16 bytes the two halves are the word itself, padded with zeros; beyond that
// they are a hash of the whole word and its first eight bytes, and the bytes in the arena decide.
struct WordKey {
    std::uint64_t low, high;
    std::uint32_t length;
    std::uint64_t hash;
};

// Distinct words, their counts, and their bytes: an open-addressing table over one arena.
class WordTable {
  public:
    WordTable();
    // The id of the word, given in first-seen order, or -1 when no id is left. `word` is read only if the key needs it.
    std::int32_t count(const WordKey &key, const unsigned char *word);
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash >> shift_]); }

    std::size_t size() const { return ends_.size() - 1; }
    const std::vector<unsigned char> &bytes() const { return arena_; }
    const std::vector<std::int64_t> &offsets() const { return ends_; }
    void counts(std::int64_t *out) const; // (size(),), in id order

  private:
    struct alignas(32) Slot { // two to a cache line; the count lives here, since the line is in hand anyway
        std::uint64_t low, high;
        std::uint32_t length;
        std::int32_t id_plus_one; // 0: free
        std::uint64_t count;
    };
    void grow();

    std::vector<Slot> slots_;
    unsigned shift_; // a hash's top bits are its home slot
    std::vector<unsigned char> arena_;
    std::vector<std::int64_t> ends_; // word i is arena_[ends_[i], ends_[i + 1])
};

class TextEncoder {
  public:
    explicit TextEncoder(bool replace);

    // Starts a new text: offsets count from 0 again, and a byte order mark is dropped if it comes first.
    void begin();
    // Takes the next bytes of the text. After a problem the text cannot be continued.
    Problem feed(const unsigned char *chunk, std::size_t size);
    // Ends the text: the last word and the last sentence need no newline.
    Problem end();
    // For words that were split elsewhere; not while a text is open.
    Problem add_word(const unsigned char *word, std::size_t size);
    void end_sentence();

    // What came out since clear_output().
    const std::vector<std::int64_t> &sentence_ends() const { return sentence_ends_; }
    const std::int32_t *ids() const { return ids_.get(); }
    std::size_t num_ids() const { return num_ids_; }
    void clear_output();

    const WordTable &table() const { return table_; }
    std::int64_t num_tokens() const { return emitted_before_ + static_cast<std::int64_t>(num_ids_ + num_waiting_); }
    std::int64_t num_sentences() const { return num_sentences_; }
    std::int64_t problem_offset() const { return problem_offset_; }

  private:
    struct Waiting {
        WordKey key;
        const unsigned char *word;
    };
    static constexpr std::size_t kWaiting = 32; // words whose slots are being fetched while later ones are split

    Problem fail(Problem problem, std::int64_t offset);
    const unsigned char *fast(const unsigned char *p, const unsigned char *end); // stops where it wants single steps
    Problem step(unsigned char byte, std::int64_t offset);                       // one byte of a word in pieces
    Problem accept(const unsigned char *character, unsigned size, std::uint32_t code_point, std::int64_t offset);
    void append(const unsigned char *bytes, std::size_t size, std::int64_t offset);
    void wait(const unsigned char *word, std::size_t size);
    void settle(std::int64_t offset); // the waiting words get their ids
    Problem end_word();
    void reserve_ids(std::size_t more);

    bool replace_;
    WordTable table_;

    Waiting waiting_[kWaiting];
    std::size_t num_waiting_ = 0;
    std::unique_ptr<std::int32_t[]> ids_;
    std::size_t num_ids_ = 0, id_capacity_ = 0;
    std::vector<std::int64_t> sentence_ends_, cleared_ends_;
    std::int64_t emitted_before_ = 0; // ids handed out and cleared
    std::int64_t last_end_ = 0;
    std::int64_t num_sentences_ = 0;

    // A word that no single chunk holds whole, and a character of which some bytes are still to come.
    std::vector<unsigned char> piece_;
    std::int64_t piece_length_ = 0; // may exceed what piece_ keeps
    std::int64_t piece_offset_ = 0;
    unsigned char partial_[4];
    unsigned partial_size_ = 0, partial_need_ = 0;
    unsigned char next_low_ = 0x80, next_high_ = 0xBF;

    std::int64_t position_ = 0;
    Problem problem_ = Problem::none;
    std::int64_t problem_offset_ = 0;
};

} // namespace vastmax
