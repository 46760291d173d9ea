#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comparison.h"

namespace spillway::conformance {
namespace {

// Without a cluster at least the script itself is held: the model knows every request in it.
TEST(ConformanceTest, the_model_knows_every_request_of_the_script) {
  const auto steps = script();
  const auto subject = model_subject();
  const auto replies = run(*subject, steps);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_NE(replies[i].status, 501) << steps[i].name << ": " << replies[i].body;
  }
}

TEST(ConformanceTest, the_model_answers_as_a_real_api_server_does) {
  const char* kubeconfig = std::getenv("SPILLWAY_TEST_KUBECONFIG");
  if (kubeconfig == nullptr)
    GTEST_SKIP() << "SPILLWAY_TEST_KUBECONFIG names no cluster: "
                    "tests/integration/api_server/run-tests starts one";
  const auto steps = script();
  const auto real = real_subject(kubeconfig);
  const auto model = model_subject();
  const auto modelled = run(*model, steps);
  const auto differences = compare(steps, run(*real, steps, modelled), modelled);
  for (const std::string& difference : differences)
    ADD_FAILURE() << difference;
}

}  // namespace
}  // namespace spillway::conformance
