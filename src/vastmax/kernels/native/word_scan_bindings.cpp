// The Python face of scans over all words, or over listed ones.
#include "bindings.hpp"
#include "word_scan.hpp"

using namespace vastmax;

namespace {

void require_codes(const char *codes_name, const Column<const int8_t> &codes, const char *scale_name,
                   const Column<const float> &scale, int bits, int64_t blocks, int64_t width) {
    require(bits == 8 || bits == 4, "codes of 8 or 4 bits were expected");
    require_shape(codes_name, codes, {blocks * block_bytes(width, bits)});
    require_shape(scale_name, scale, {blocks * 16});
}

void code(const std::string &target, Matrix<const float> weight, int bits, Column<int8_t> codes, Column<float> scale,
          Column<float> error, Column<float> norm, OptionalMatrix<float> residual, int threads) {
    const WordTable table{weight.length(), weight.size(1), weight.data(), nullptr};
    const int64_t blocks = num_blocks(table.V);
    require(bits == 8 || bits == 4, "codes of 8 or 4 bits were expected");
    require_shape("codes", codes, {blocks * block_bytes(table.D, bits)});
    require_shape("scale", scale, {blocks * 16});
    require_shape("error", error, {blocks * 16});
    require_shape("norm", norm, {blocks * 16});
    require_shape("residual", residual, {table.V, table.D});
    const RowCoding coding{bits, codes.data(), scale.data(), error.data(), norm.data(), data_of(residual)};
    run_kernel(VASTMAX_KERNEL(target, code_rows), table, coding, threads);
}

WordTable table_of(const Matrix<const float> &weight, const OptionalColumn<const float> &bias) {
    const int64_t V = weight.length(), D = weight.size(1);
    require(V >= 1 && D >= 1, "weight has no words, or words of no numbers");
    require_shape("bias", bias, {V});
    return {V, D, weight.data(), data_of(bias)};
}

// What both scans over all words are asked.
WordQuery query_of(const WordTable &table, const Matrix<const float> &hidden, const Matrix<int64_t> &word_id,
                   const Matrix<float> &score, const OptionalColumn<float> &log_normaliser,
                   const OptionalColumn<float> &normaliser_error, const Column<int64_t> &num_scored,
                   const Column<int64_t> &num_broken) {
    const int64_t N = hidden.length(), k = word_id.size(1);
    require_shape("hidden", hidden, {N, table.D});
    require(k >= 1 && k <= table.V, "k must be between 1 and the number of words");
    require_shape("word_id", word_id, {N, k});
    require_shape("score", score, {N, k});
    require_shape("num_scored", num_scored, {N});
    require_shape("num_broken", num_broken, {N});
    require(!log_normaliser == !normaliser_error, "log_normaliser and its error belong together");
    require_shape("log_normaliser", log_normaliser, {N});
    require_shape("normaliser_error", normaliser_error, {N});
    return {N,
            k,
            hidden.data(),
            word_id.data(),
            score.data(),
            data_of(log_normaliser),
            data_of(normaliser_error),
            num_scored.data(),
            num_broken.data()};
}

void scan_rows(const std::string &target, Matrix<const float> weight, OptionalColumn<const float> bias,
               Matrix<const float> hidden, Matrix<int64_t> word_id, Matrix<float> score,
               OptionalColumn<float> log_normaliser, OptionalColumn<float> normaliser_error, Column<int64_t> num_scored,
               Column<int64_t> num_broken, int threads) {
    const WordTable table = table_of(weight, bias);
    const WordQuery query =
        query_of(table, hidden, word_id, score, log_normaliser, normaliser_error, num_scored, num_broken);
    run_kernel(VASTMAX_KERNEL(target, scan_rows), table, query, threads);
}

// The arrays of a coded table, filled by name from Python.
struct Coded {
    int first_bits;
    int64_t first_width;
    Column<const int8_t> first_codes, second_codes;
    Column<const float> first_scale, second_scale, first_error, second_error, variance, bias, norm, first_spread,
        second_spread;
    float balance, slack;

    // Refuses codes of another table than one of V rows of D numbers.
    CodedTable checked(int64_t V, int64_t D) const {
        const int64_t blocks = num_blocks(V), second_width = second_scale.length() ? D : 0;
        const int64_t second_rows = second_width ? blocks * 16 : 0, second_blocks = second_width ? blocks : 0;
        require(first_width >= 1 && first_width <= D, "the first part must have at least one column, and at most all");
        require(second_width || first_width == D, "second codes were expected, since the first ones lack columns");
        require_codes("first_codes", first_codes, "first_scale", first_scale, first_bits, blocks, first_width);
        if (second_width)
            require_codes("second_codes", second_codes, "second_scale", second_scale, 8, blocks, second_width);
        require_shape("first_error", first_error, {blocks * 16});
        require_shape("variance", variance, {blocks * 16});
        require_shape("bias", bias, {blocks * 16});
        require_shape("norm", norm, {blocks});
        require_shape("first_spread", first_spread, {blocks});
        require_shape("second_error", second_error, {second_rows});
        require_shape("second_spread", second_spread, {second_blocks});
        return {{first_width, first_bits, first_codes.data(), first_scale.data()},
                {second_width, 8, second_codes.data(), second_scale.data()},
                bias.data(),
                first_error.data(),
                second_error.data(),
                variance.data(),
                norm.data(),
                first_spread.data(),
                second_spread.data(),
                balance,
                slack};
    }
};

void scan_codes(const std::string &target, Matrix<const float> weight, OptionalColumn<const float> bias,
                const Coded &coded, Matrix<const float> turned, Column<const float> spread,
                Column<const int64_t> likely, float tolerance, Matrix<const float> hidden, Matrix<int64_t> word_id,
                Matrix<float> score, OptionalColumn<float> log_normaliser, OptionalColumn<float> normaliser_error,
                Column<int64_t> num_scored, Column<int64_t> num_broken, int threads) {
    const WordTable table = table_of(weight, bias);
    const WordQuery query =
        query_of(table, hidden, word_id, score, log_normaliser, normaliser_error, num_scored, num_broken);
    require_shape("turned", turned, {query.N, table.D});
    require_shape("spread", spread, {query.N});
    require(all_below(likely.data(), likely.length(), table.V), "a likely word is not there");
    const CodedQuery aids{turned.data(), spread.data(), likely.data(), likely.length(), tolerance};
    run_kernel(VASTMAX_KERNEL(target, scan_codes), table, coded.checked(table.V, table.D), query, aids, threads);
}

void sample_normalizer(const std::string &target, Matrix<const float> weight, OptionalColumn<const float> bias,
                       const Coded &coded, Matrix<const float> turned, Column<const uint64_t> seed,
                       Column<const int64_t> likely, float draws, Matrix<const float> hidden,
                       Column<float> log_normalizer, Column<float> error, Column<int64_t> num_scored, int threads) {
    const WordTable table = table_of(weight, bias);
    const int64_t N = hidden.length();
    require_shape("hidden", hidden, {N, table.D});
    require_shape("turned", turned, {N, table.D});
    require_shape("seed", seed, {N});
    require_shape("log_normalizer", log_normalizer, {N});
    require_shape("error", error, {N});
    require_shape("num_scored", num_scored, {N});
    require(all_below(likely.data(), likely.length(), table.V), "a likely word is not there");
    require(draws >= 1.0f, "draws must be at least 1");
    const SampledNormalizer query{
        N,     hidden.data(),         turned.data(), seed.data(),      likely.data(), likely.length(),
        draws, log_normalizer.data(), error.data(),  num_scored.data()};
    run_kernel(VASTMAX_KERNEL(target, sample_normalizer), table, coded.checked(table.V, table.D), query, threads);
}

void scan_listed(const std::string &target, Matrix<const float> weight, OptionalColumn<const float> bias,
                 Column<const int64_t> offsets, Column<const int32_t> words, bool disjoint, Matrix<const float> hidden,
                 Matrix<const int32_t> chosen, Matrix<int64_t> word_id, Matrix<float> score, Column<float> log_sum,
                 Column<int64_t> num_scored, int threads) {
    const WordTable table = table_of(weight, bias);
    const int64_t N = hidden.length(), k = word_id.size(1), num_lists = offsets.length() - 1;
    const int64_t num_chosen = chosen.size(1);
    require(k >= 1, "k must be at least 1");
    require_shape("hidden", hidden, {N, table.D});
    require_shape("chosen", chosen, {N, num_chosen});
    require_shape("word_id", word_id, {N, k});
    require_shape("score", score, {N, k});
    require_shape("log_sum", log_sum, {N});
    require_shape("num_scored", num_scored, {N});
    require(is_partition(offsets.data(), num_lists + 1, words.length()),
            "offsets must rise from 0 to the number of words");
    for (int64_t i = 0; i < N * num_chosen; ++i) {
        const int64_t list = chosen.data()[i];
        if (list < 0) continue;
        require(list < num_lists, "a list is chosen that is not there");
        const int64_t begin = offsets.data()[list], end = offsets.data()[list + 1];
        require(all_below(words.data() + begin, end - begin, table.V), "a list holds a word that is not there");
    }
    const WordLists lists{num_lists, offsets.data(), words.data(), disjoint};
    const ListedQuery query{N,
                            k,
                            num_chosen,
                            hidden.data(),
                            chosen.data(),
                            word_id.data(),
                            score.data(),
                            log_sum.data(),
                            num_scored.data()};
    run_kernel(VASTMAX_KERNEL(target, scan_listed), table, lists, query, threads);
}

} // namespace

void bind_word_scan(nb::module_ &m) {
    using Codes = Column<const int8_t>;
    using Numbers = Column<const float>;
    nb::class_<Coded>(m, "CodedTable")
        .def(
            "__init__",
            [](Coded *self, int first_bits, int64_t first_width, Codes first_codes, Codes second_codes,
               Numbers first_scale, Numbers second_scale, Numbers first_error, Numbers second_error, Numbers variance,
               Numbers bias, Numbers norm, Numbers first_spread, Numbers second_spread, float balance, float slack) {
                new (self) Coded{first_bits,   first_width,  first_codes,   second_codes, first_scale,
                                 second_scale, first_error,  second_error,  variance,     bias,
                                 norm,         first_spread, second_spread, balance,      slack};
            },
            nb::kw_only(), "first_bits"_a, "first_width"_a, "first_codes"_a, "second_codes"_a, "first_scale"_a,
            "second_scale"_a, "first_error"_a, "second_error"_a, "variance"_a, "bias"_a, "norm"_a, "first_spread"_a,
            "second_spread"_a, "balance"_a, "slack"_a);
    m.def("code_rows", &code, "target"_a, "weight"_a, "bits"_a, "codes"_a, "scale"_a, "error"_a, "norm"_a, "residual"_a,
          "threads"_a);
    m.def("scan_rows", &scan_rows, "target"_a, "weight"_a, "bias"_a, "hidden"_a, "word_id"_a, "score"_a,
          "log_normaliser"_a, "normaliser_error"_a, "num_scored"_a, "num_broken"_a, "threads"_a);
    m.def("scan_codes", &scan_codes, "target"_a, "weight"_a, "bias"_a, "coded"_a, "turned"_a, "spread"_a, "likely"_a,
          "tolerance"_a, "hidden"_a, "word_id"_a, "score"_a, "log_normaliser"_a, "normaliser_error"_a, "num_scored"_a,
          "num_broken"_a, "threads"_a);
    m.def("sample_normalizer", &sample_normalizer, "target"_a, "weight"_a, "bias"_a, "coded"_a, "turned"_a, "seed"_a,
          "likely"_a, "draws"_a, "hidden"_a, "log_normalizer"_a, "error"_a, "num_scored"_a, "threads"_a);
    m.def("scan_listed", &scan_listed, "target"_a, "weight"_a, "bias"_a, "offsets"_a, "words"_a, "disjoint"_a,
          "hidden"_a, "chosen"_a, "word_id"_a, "score"_a, "log_sum"_a, "num_scored"_a, "threads"_a);
}
