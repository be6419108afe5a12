// What the kernels of hierarchical softmax are called with; the same for every instruction set.
//
// A batch of N examples, each with a leaf of the tree; the inner nodes on its path are its *decisions*, T of them in the
// whole batch. Edge e leads from a node to one of its children; a binary node n has the edges 2n and 2n + 1.
#pragma once

#include <cstdint>

#include "dispatch.hpp"

namespace vastmax {

// The decisions of a batch, sorted by node and so, nodes being numbered breadth first, level by level.
struct Groups {
    int64_t num_groups;      // U, the distinct nodes
    const int64_t *nodes;    // (U,) ascending
    const int64_t *offsets;  // (U + 1,) the decisions of each
    const int32_t *examples; // (T,) whose decision it is
    const int32_t *slots;    // (T,) its place when decisions are counted example by example
    const int32_t *edges;    // (T,) the edge taken
};

struct HiddenRows {
    const float *data;
    int64_t num_examples, width; // N, D
};

// d loss / d hidden from what forward left: to[i] = upstream[i] * slope[i]; `to` may be null.
struct HiddenGradient {
    const float *slope; // (N, D) d log p / d hidden
    float *to;          // (N, D)
};

struct BinaryForward {
    HiddenRows hidden;
    const float *weight, *bias;      // (M, D) and (M,), a row a node
    const int64_t *leaves;           // (N,)
    const int64_t *path_offsets;     // (leaves + 1,)
    const int32_t *path_edges;       // the edges on each leaf's path, root first
    const int64_t *decision_offsets; // (N + 1,) where the decisions of each example begin
    float *log_prob;                 // (N,)
    float *slope;                    // (T,) d log p / d score, by example; may be null
    float *hidden_slope;             // (N, D) d log p / d hidden; may be null
};

struct BinaryBackward {
    HiddenRows hidden;
    Groups groups;
    const float *slope;    // (T,)
    const float *upstream; // (N,) d loss / d log p
    HiddenGradient hidden_gradient;
    float *weight_gradient; // (U, D)
    float *bias_gradient;   // (U,)
};

struct SoftmaxForward {
    HiddenRows hidden;
    const float *weight, *bias;   // (E, D) and (E,), a row an edge
    const int64_t *child_offsets; // (M + 1,) the edges of each node
    Groups groups;
    const int64_t *level_offsets; // (levels + 1,) the groups of each level
    int64_t num_levels;
    const int64_t *slope_offsets; // (U + 1,) where the (decisions, children) slopes of each group begin
    float *log_prob;              // (N,)
    float *slope;                 // d log p / d scores, a (decisions, children) matrix a group
    float *hidden_slope;          // (N, D) d log p / d hidden; may be null
};

struct SoftmaxBackward {
    HiddenRows hidden;
    const int64_t *child_offsets;
    Groups groups;
    const int64_t *slope_offsets;
    const int64_t *row_offsets; // (U + 1,) where the gradient rows of each group begin
    const float *slope;
    const float *upstream; // (N,)
    HiddenGradient hidden_gradient;
    float *weight_gradient; // (rows, D)
    float *bias_gradient;   // (rows,)
};

struct BestFirst {
    HiddenRows hidden;
    const float *weight, *bias;
    bool binary;
    const int64_t *child_offsets; // (M + 1,)
    const int32_t *children;      // (E,) a node, or ~leaf; looked at where they are met: a search meets few of them
    int64_t num_nodes, num_edges;
    int64_t k;
    float *log_prob;       // (N, k) best first
    int64_t *leaves;       // (N, k)
    int64_t *num_expanded; // (N,) nodes whose children were scored
};

VASTMAX_KERNELS(void hierarchical_binary_forward(const BinaryForward &, int threads);
                void hierarchical_binary_backward(const BinaryBackward &, int threads);
                void hierarchical_softmax_forward(const SoftmaxForward &, int threads);
                void hierarchical_softmax_backward(const SoftmaxBackward &, int threads);
                void hierarchical_best_first(const BestFirst &, int threads);)

} // namespace vastmax
