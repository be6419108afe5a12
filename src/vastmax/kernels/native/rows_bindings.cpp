// The Python face of rows of a table: their scores, and updates in place.
#include "bindings.hpp"
#include "tasks.hpp"

using namespace vastmax;

namespace {

RowScores scores_of(const Matrix<const float> &hidden, const Matrix<const float> &weight,
                    const OptionalColumn<const float> &bias, const Matrix<const int64_t> &position) {
    const int64_t N = hidden.length(), D = hidden.size(1), U = weight.length(), K = position.size(1);
    require_shape("weight", weight, {U, D});
    require_shape("bias", bias, {U});
    require_shape("position", position, {N, K});
    require(all_below(position.data(), N * K, U), "a position is out of range");
    return {N, K, U, D, hidden.data(), weight.data(), data_of(bias), position.data()};
}

void forward(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight,
             OptionalColumn<const float> bias, Matrix<const int64_t> position, Matrix<float> score, int threads) {
    const RowScores scores = scores_of(hidden, weight, bias, position);
    require_shape("score", score, {scores.N, scores.K});
    run_kernel(VASTMAX_KERNEL(target, row_scores_forward), scores, score.data(), threads);
}

void backward(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight,
              Matrix<const int64_t> position, Matrix<const float> upstream, OptionalMatrix<float> hidden_gradient,
              OptionalMatrix<float> weight_gradient, OptionalColumn<float> bias_gradient, int threads) {
    const RowScores scores = scores_of(hidden, weight, std::nullopt, position);
    require_shape("upstream", upstream, {scores.N, scores.K});
    require_shape("hidden_gradient", hidden_gradient, {scores.N, scores.D});
    require_shape("weight_gradient", weight_gradient, {scores.U, scores.D});
    require_shape("bias_gradient", bias_gradient, {scores.U});
    const RowScoresBackward batch{scores, upstream.data(), data_of(hidden_gradient), data_of(weight_gradient),
                                  data_of(bias_gradient)};
    run_kernel(VASTMAX_KERNEL(target, row_scores_backward), batch, threads);
}

bool is_ascending(Column<const int64_t> rows) {
    const int64_t *row = rows.data();
    bool ascending = true;
    for (int64_t u = 1; u < rows.length(); ++u) ascending &= row[u - 1] < row[u];
    return ascending;
}

void add_rows(const std::string &target, Matrix<float> table, Column<const int64_t> rows, Matrix<const float> update,
              float scale, int threads) {
    const int64_t U = rows.length(), D = table.size(1);
    require_shape("update", update, {U, D});
    const auto kernel = VASTMAX_KERNEL(target, row_update);
    if (U == 0 || D == 0) return;
    require(is_ascending(rows), "row ids must be ascending and distinct");
    require(rows.data()[0] >= 0 && rows.data()[U - 1] < table.length(), "a row id is out of range");
    run_kernel(kernel, RowUpdate{table.data(), rows.data(), update.data(), U, D, scale}, threads);
}

} // namespace

void bind_rows(nb::module_ &m) {
    m.def("row_scores_forward", &forward, "target"_a, "hidden"_a, "weight"_a, "bias"_a, "position"_a, "score"_a,
          "threads"_a);
    m.def("row_scores_backward", &backward, "target"_a, "hidden"_a, "weight"_a, "position"_a, "upstream"_a,
          "hidden_gradient"_a, "weight_gradient"_a, "bias_gradient"_a, "threads"_a);
    m.def("is_ascending", &is_ascending, "rows"_a);
    m.def("add_rows", &add_rows, "target"_a, "table"_a, "rows"_a, "update"_a, "scale"_a, "threads"_a);
}
