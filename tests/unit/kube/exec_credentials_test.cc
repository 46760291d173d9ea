#include "exec_credentials.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <spillway/kube/config.h>

#include "kube_fixture.h"

namespace spillway::kube {
namespace {

using ::testing::HasSubstr;

constexpr const char* kVersion = "client.authentication.k8s.io/v1";

TEST(ExecAnswerParsing, TakesTokensAndCertificates) {
  const auto token = parse_exec_answer(
      R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"2026-11-21T09:00:00Z"}})",
      kVersion);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->token.reveal(), "t");
  EXPECT_EQ(token->expires_at, *parse_instant("2026-11-21T09:00:00Z"));
  const auto certificate = parse_exec_answer(
      R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientCertificateData":"c","clientKeyData":"k"}})",
      kVersion);
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->client_certificate, "c");
  EXPECT_FALSE(certificate->expires_at);
}
TEST(ExecAnswerParsing, RefusesWhatHasNoMeaning) {
  for (
      const char* bad :
      {"", "token", R"({"kind":"ExecCredential"})",
       R"({"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"t"}})",
       R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}})",
       R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientKeyData":"k"}})",
       R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"soon"}})"}) {
    EXPECT_FALSE(parse_exec_answer(bad, kVersion)) << bad;
  }
}

// A real program, so real time.
class ExecTest : public ::testing::Test {
 protected:
  ExecTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kube-exec-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no folder for temporary files");
    folder = pattern;
  }
  ~ExecTest() override { std::filesystem::remove_all(folder); }

  // A plugin that notes each run in the file "runs" and then does `body`.
  std::string plugin(const std::string& body) {
    const std::string path = folder / "plugin";
    std::ofstream(path) << "#!/bin/sh\necho run >> " << (folder / "runs").string() << "\n"
                        << body << "\n";
    ::chmod(path.c_str(), 0755);
    return path;
  }
  static std::string prints(const std::string& status) {
    return "cat <<END\n{\"apiVersion\":\"" + std::string(kVersion) +
           "\",\"kind\":\"ExecCredential\",\"status\":" + status + "}\nEND";
  }
  int runs() {
    std::ifstream file(folder / "runs");
    int count = 0;
    for (std::string line; std::getline(file, line);)
      ++count;
    return count;
  }
  std::shared_ptr<ExecCredentials> make(const std::string& body,
                                        Duration timeout = std::chrono::seconds(10)) {
    return std::make_shared<ExecCredentials>(runtime, LocalSources{.ca = {.text = "CA"}},
                                             ExecPlugin{.api_version = kVersion,
                                                        .command = plugin(body),
                                                        .arguments = {"get-token", "--x"},
                                                        .environment = {{"EXTRA", "e"}},
                                                        .info = "{\"info\":1}",
                                                        .install_hint = "install it",
                                                        .timeout = timeout});
  }
  std::vector<Result<Access>> ask(Credentials& credentials, int times = 1) {
    std::vector<Result<Access>> answers;
    for (int i = 0; i < times; ++i) {
      asio::co_spawn(io, credentials.current(),
                     [&](const std::exception_ptr& thrown, Result<Access> got) {
                       if (thrown) std::rethrow_exception(thrown);
                       answers.push_back(std::move(got));
                     });
    }
    io.restart();
    io.run();
    return answers;
  }

  std::filesystem::path folder;
  asio::io_context io;
  std::unique_ptr<Clock> clock = make_system_clock();
  std::unique_ptr<Timers> timers = make_system_timers(io.get_executor());
  std::unique_ptr<Random> random = make_random(1);
  Runtime runtime{io.get_executor(), *clock, *timers, *random};
};

TEST_F(ExecTest, RunsOnceForEverybodyAndKeepsTheAnswer) {
  const auto credentials = make("sleep 0.1\n" + prints(R"({"token":"t1"})"));
  const auto answers = ask(*credentials, 3);
  ASSERT_EQ(answers.size(), 3U);
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->authorization.reveal(), "Bearer t1");
    EXPECT_EQ(answer->tls->ca, "CA");
  }
  EXPECT_TRUE(ask(*credentials)[0]);
  EXPECT_EQ(runs(), 1);
}
TEST_F(ExecTest, GivesThePluginItsArgumentsAndEnvironment) {
  const auto credentials =
      make(prints(R"({"token":"'$1 $2 $EXTRA'"})") +
           "\nprintf %s \"$1 $2 $EXTRA $KUBERNETES_EXEC_INFO\" > " + (folder / "seen").string());
  ask(*credentials);
  std::stringstream seen;
  seen << std::ifstream(folder / "seen").rdbuf();
  EXPECT_EQ(seen.str(), "get-token --x e {\"info\":1}");
}
TEST_F(ExecTest, RunsAgainWhenTheServerRefusedTheToken) {
  const auto credentials = make(prints(R"({"token":"t"})"));
  ask(*credentials);
  credentials->rejected();
  EXPECT_TRUE(ask(*credentials)[0]);
  EXPECT_EQ(runs(), 2);
}
TEST_F(ExecTest, RunsAgainWhenTheTokenHasExpired) {
  const auto credentials =
      make(prints(R"({"token":"t","expirationTimestamp":"2020-01-01T00:00:00Z"})"));
  ask(*credentials);
  ask(*credentials);
  EXPECT_EQ(runs(), 2);
}
TEST_F(ExecTest, TakesAClientCertificate) {
  const auto credentials = make(prints(R"({"clientCertificateData":"c","clientKeyData":"k"})"));
  const auto first = ask(*credentials);
  ASSERT_TRUE(first[0]);
  EXPECT_EQ(first[0]->tls->client_certificate, "c");
  EXPECT_EQ(first[0]->tls->ca, "CA");
  EXPECT_EQ(ask(*credentials)[0]->tls, first[0]->tls)
      << "the same identity, so connections are kept";
}
TEST_F(ExecTest, SaysWhatThePluginSaidWhenItFails) {
  const auto answer = ask(*make("echo 'please log in' >&2; exit 3"));
  ASSERT_FALSE(answer[0]);
  EXPECT_THAT(answer[0].error().message,
              HasSubstr("ended with status 3: please log in (install it)"));
}
TEST_F(ExecTest, SaysWhenThereIsNoSuchPlugin) {
  ExecCredentials credentials(
      runtime, {},
      {.api_version = kVersion, .command = "/nonexistent/plugin", .install_hint = "install it"});
  const auto answer = ask(credentials);
  EXPECT_THAT(
      answer[0].error().message,
      HasSubstr("cannot run '/nonexistent/plugin': No such file or directory (install it)"));
}
TEST_F(ExecTest, EndsAPluginThatHangs) {
  const auto answer = ask(*make("exec sleep 60", Duration(200)));
  ASSERT_FALSE(answer[0]);
  EXPECT_THAT(answer[0].error().message, HasSubstr("did not end in"));
}
TEST_F(ExecTest, BoundsWhatAPluginMayPrint) {
  const auto answer = ask(*make("exec yes"));
  ASSERT_FALSE(answer[0]);
  EXPECT_THAT(answer[0].error().message, HasSubstr("more than 1 MiB"));
}
TEST_F(ExecTest, DestructionDoesNotWaitForAHangingPlugin) {
  auto credentials = make("exec sleep 60", std::chrono::seconds(60));
  asio::co_spawn(io, credentials->current(), asio::detached);
  io.poll();
  const auto begun = clock->monotonic();
  credentials.reset();
  EXPECT_LT(clock->monotonic() - begun, std::chrono::seconds(5));
}

}  // namespace
}  // namespace spillway::kube
