#include <spillway/cloud/credentials.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <spillway/core/text.h>

namespace spillway::cloud {
namespace {

constexpr std::size_t kMaxFileBytes = 64 * 1024;

class StaticCredentials final : public CredentialsProvider {
 public:
  explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Task<Result<Credentials>> get() override { co_return credentials_; }

 private:
  Credentials credentials_;
};

class EnvironmentCredentials final : public CredentialsProvider {
 public:
  explicit EnvironmentCredentials(EnvironmentLookup lookup) : lookup_(std::move(lookup)) {}

  Task<Result<Credentials>> get() override { co_return read(); }

 private:
  Result<Credentials> read() const {
    Credentials found{.access_key_id = variable("AWS_ACCESS_KEY_ID"),
                      .secret_access_key = Secret(variable("AWS_SECRET_ACCESS_KEY")),
                      .session_token = Secret(variable("AWS_SESSION_TOKEN"))};
    if (found.access_key_id.empty() || found.secret_access_key.empty()) {
      return fail(ErrorCode::kUnauthorized,
                  "there are no cloud credentials: set AWS_ACCESS_KEY_ID and "
                  "AWS_SECRET_ACCESS_KEY in the environment");
    }
    return found;
  }
  std::string variable(const char* name) const {
    const char* value = lookup_(name);
    return value == nullptr ? std::string() : std::string(trim(value));
  }

  EnvironmentLookup lookup_;
};

class FileCredentials final : public CredentialsProvider {
 public:
  explicit FileCredentials(std::string folder) : folder_(std::move(folder)) {}

  Task<Result<Credentials>> get() override { co_return read(); }

 private:
  Result<Credentials> read() const {
    TRY(id, read_file("access-key-id"));
    TRY(secret, read_file("secret-access-key"));
    Credentials found{.access_key_id = std::move(id),
                      .secret_access_key = Secret(std::move(secret))};
    std::error_code ignored;  // exists() reports an unreadable folder as absent; read_file says why
    if (std::filesystem::exists(path("session-token"), ignored)) {
      TRY(token, read_file("session-token"));
      found.session_token = Secret(std::move(token));
    }
    return found;
  }

  std::string path(std::string_view file) const { return folder_ + "/" + std::string(file); }

  Result<std::string> read_file(std::string_view file) const {
    std::ifstream in(path(file), std::ios::binary);
    std::string text(kMaxFileBytes + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    const std::string value(trim(text));
    if (value.empty()) {
      return fail(ErrorCode::kUnauthorized,
                  "the credentials file '" + path(file) +
                      "' is absent or empty: mount a Secret with the keys access-key-id and "
                      "secret-access-key there");
    }
    if (text.size() > kMaxFileBytes || value.find_first_of("\r\n") != std::string::npos) {
      return fail(ErrorCode::kUnauthorized,
                  "the credentials file '" + path(file) + "' has to hold one value on one line");
    }
    return value;
  }

  std::string folder_;
};

Error bad_line(std::size_t number, std::string_view what) {
  return Error{.code = ErrorCode::kInvalidArgument,
               .message = "line " + std::to_string(number) + " " + std::string(what)};
}

Result<void> take_line(std::string_view line, std::size_t number,
                       std::vector<ProfileCredentials>& out) {
  if (line.front() == '[') {
    if (line.size() < 3 || line.back() != ']') {
      return fail(bad_line(number, "is not a section: write [profile]"));
    }
    out.push_back({.profile = std::string(trim(line.substr(1, line.size() - 2)))});
    return {};
  }
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    return fail(bad_line(number, "has no '=': write name = value"));
  }
  if (out.empty()) return fail(bad_line(number, "stands before a section: write [default] first"));
  const std::string_view name = trim(line.substr(0, equals));
  const std::string value(trim(line.substr(equals + 1)));
  Credentials& credentials = out.back().credentials;
  if (name == "aws_access_key_id") credentials.access_key_id = value;
  if (name == "aws_secret_access_key") credentials.secret_access_key = Secret(value);
  if (name == "aws_session_token") credentials.session_token = Secret(value);
  return {};
}

}  // namespace

std::unique_ptr<CredentialsProvider> make_static_credentials(Credentials credentials) {
  return std::make_unique<StaticCredentials>(std::move(credentials));
}

std::unique_ptr<CredentialsProvider> make_environment_credentials(EnvironmentLookup lookup) {
  return std::make_unique<EnvironmentCredentials>(std::move(lookup));
}

std::unique_ptr<CredentialsProvider> make_file_credentials(std::string folder) {
  return std::make_unique<FileCredentials>(std::move(folder));
}

Result<std::vector<ProfileCredentials>> parse_shared_credentials(std::string_view text) {
  if (text.size() > kMaxFileBytes) return invalid("a credentials file may have at most 64 KiB");
  std::vector<ProfileCredentials> out;
  std::size_t number = 0;
  for (const std::string_view raw : split(text, '\n')) {
    ++number;
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    TRY_VOID(take_line(line, number, out));
  }
  for (const ProfileCredentials& entry : out) {
    if (entry.credentials.access_key_id.empty() || entry.credentials.secret_access_key.empty()) {
      return invalid("the profile [" + entry.profile +
                     "] needs both aws_access_key_id and aws_secret_access_key");
    }
  }
  if (out.empty()) return invalid("there is no profile: write [default] and its two keys");
  return out;
}

}  // namespace spillway::cloud
