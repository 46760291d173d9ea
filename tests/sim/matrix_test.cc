#include <gtest/gtest.h>

#include <spillway/core/log.h>

#include "matrix.h"

namespace spillway::sim {
namespace {

class MatrixTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override { log::configure(log::Format::kText, log::Level::kError); }
  void run_all(const Matrix& matrix) { run_matrix(matrix, scenarios()[GetParam()], GetParam()); }
};

TEST_P(MatrixTest, a_crash_at_any_write_ends_the_same) {
  run_all(kCrashes);
}
TEST_P(MatrixTest, a_fault_of_any_write_ends_the_same) {
  run_all(kWriteFaults);
}
TEST_P(MatrixTest, a_view_of_the_past_at_any_write_ends_the_same) {
  run_all(kStaleViews);
}
TEST_P(MatrixTest, a_list_of_the_past_at_any_write_breaks_no_invariant) {
  run_all(kPastLists);
}
TEST_P(MatrixTest, an_outage_from_any_write_on_ends_the_same) {
  run_all(kOutages);
}

INSTANTIATE_TEST_SUITE_P(All, MatrixTest, ::testing::Range(std::size_t{0}, scenarios().size()),
                         [](const auto& number) { return scenarios()[number.param].name; });

}  // namespace
}  // namespace spillway::sim
