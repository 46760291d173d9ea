#pragma once
// Where AWS-style credentials come from. Web identity (IRSA: AssumeRoleWithWebIdentity with the
// token file read afresh at each refresh) is one more CredentialsProvider over HttpClient; it has
// to fail closed and never fall through to another source.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/async/asio.h>
#include <spillway/core/ids.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::cloud {

struct Credentials {
  std::string access_key_id;  // not secret: it travels in clear text and may be logged
  Secret secret_access_key;
  Secret session_token;  // empty = long-lived credentials
  std::optional<Instant> expires_at;
};

// Used on the control thread. get() is called before each signed request; a provider caches what is
// costly and never hands out credentials past expires_at.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  virtual Task<Result<Credentials>> get() = 0;
};

std::unique_ptr<CredentialsProvider> make_static_credentials(Credentials credentials);

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, optionally, AWS_SESSION_TOKEN. `lookup` returns
// nullptr for a variable that is not set; programs pass std::getenv.
using EnvironmentLookup = std::function<const char*(const char* name)>;
std::unique_ptr<CredentialsProvider> make_environment_credentials(EnvironmentLookup lookup);

// A mounted Secret: the files `access-key-id`, `secret-access-key` and, optionally, `session-token`
// of a folder, read afresh at every get() because the kubelet replaces them when the Secret
// changes. At most 64 KiB each; blanks and line ends around a value are dropped.
std::unique_ptr<CredentialsProvider> make_file_credentials(std::string folder);

// The AWS shared credentials file: "[profile]" sections with aws_access_key_id,
// aws_secret_access_key and aws_session_token. Other keys are ignored. Errors name the line, never
// a value.
struct ProfileCredentials {
  std::string profile;
  Credentials credentials;
};
Result<std::vector<ProfileCredentials>> parse_shared_credentials(std::string_view text);

}  // namespace spillway::cloud
