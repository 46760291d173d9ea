#include <spillway/cloud/credentials.h>

#include <gtest/gtest.h>
#include <map>

#include "support/temporary_folder.h"

namespace spillway::cloud {
namespace {

Result<Credentials> get(CredentialsProvider& provider) {
  asio::io_context io;
  std::optional<Result<Credentials>> out;
  asio::co_spawn(io, provider.get(), [&](const std::exception_ptr& thrown, Result<Credentials> r) {
    ASSERT_FALSE(thrown);
    out = std::move(r);
  });
  io.run();
  return *out;
}

TEST(EnvironmentCredentials, are_read_at_each_use) {
  std::map<std::string, std::string> environment;
  const auto provider = make_environment_credentials([&](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
  const auto none = get(*provider);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnauthorized);
  EXPECT_NE(none.error().message.find("AWS_ACCESS_KEY_ID"), std::string::npos);

  environment = {{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", " secret\n"}};
  const auto some = get(*provider);
  ASSERT_TRUE(some);
  EXPECT_EQ(some->access_key_id, "id");
  EXPECT_EQ(some->secret_access_key.reveal(), "secret");
  EXPECT_TRUE(some->session_token.empty());
}

TEST(FileCredentials, follow_a_rotated_secret) {
  const testing::TemporaryFolder folder;
  const auto provider = make_file_credentials(folder.path());
  EXPECT_FALSE(get(*provider));
  folder.write("access-key-id", "one\n");
  EXPECT_FALSE(get(*provider));
  folder.write("secret-access-key", "s1\n");
  EXPECT_EQ(get(*provider)->access_key_id, "one");
  folder.write("access-key-id", "two");
  folder.write("session-token", "t\n");
  EXPECT_EQ(get(*provider)->access_key_id, "two");
  EXPECT_EQ(get(*provider)->session_token.reveal(), "t");
}

TEST(FileCredentials, refuse_odd_files_without_showing_them) {
  const testing::TemporaryFolder folder;
  folder.write("access-key-id", "id");
  for (const std::string& bad : {std::string(), std::string("a\nb"), std::string(70'000, 'x')}) {
    folder.write("secret-access-key", bad);
    const auto result = get(*make_file_credentials(folder.path()));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message.find("a\nb"), std::string::npos);
  }
}

TEST(SharedCredentials, are_read_by_profile) {
  const auto all = parse_shared_credentials(
      "# comment\n[default]\naws_access_key_id = a\naws_secret_access_key=b/+=\nregion = x\n\n"
      "[two]\r\naws_access_key_id=c\r\naws_secret_access_key = d\naws_session_token = e\n");
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].credentials.secret_access_key.reveal(), "b/+=");
  EXPECT_EQ((*all)[1].profile, "two");
  EXPECT_EQ((*all)[1].credentials.session_token.reveal(), "e");
}

TEST(SharedCredentials, name_the_line_that_is_wrong) {
  const auto message = [](const char* text) {
    return parse_shared_credentials(text).error().message;
  };
  EXPECT_NE(message("[default]\nnonsense\n").find("line 2"), std::string::npos);
  EXPECT_NE(message("aws_access_key_id = a\n").find("line 1"), std::string::npos);
  EXPECT_NE(message("[\n").find("[profile]"), std::string::npos);
  EXPECT_NE(message("[default]\naws_access_key_id=a\n").find("needs both"), std::string::npos);
  EXPECT_NE(message("").find("[default]"), std::string::npos);
}

}  // namespace
}  // namespace spillway::cloud
