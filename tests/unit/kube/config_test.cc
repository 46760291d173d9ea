#include <spillway/kube/config.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "kube_fixture.h"

namespace spillway::kube {
namespace {

using ::testing::HasSubstr;

constexpr const char* kGood = R"(
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: local
  cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Q0E=, tls-server-name: kube.internal}
- name: open
  cluster: {server: "http://127.0.0.1:8001/prefix"}
users:
- name: token
  user: {token: t0ken}
- name: file
  user: {tokenFile: token.txt}
- name: certificate
  user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}
- name: basic
  user: {username: u, password: p}
contexts:
- name: dev
  context: {cluster: local, user: token, namespace: team-a}
- name: files
  context: {cluster: local, user: file}
- name: certs
  context: {cluster: local, user: certificate}
- name: basics
  context: {cluster: local, user: basic}
- name: nobody
  context: {cluster: open}
)";

class ConfigTest : public KubeTest {
 protected:
  ConfigTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kube-config-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no folder for temporary files");
    folder = pattern;
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& name, const std::string& content) {
    const std::string path = folder / name;
    std::ofstream(path, std::ios::trunc) << content;
    return path;
  }
  Result<ClusterConfig> load(const std::string& content, const std::string& context = "") {
    return load_kubeconfig({.paths = write("config", content), .context = context}, runtime);
  }
  ClusterConfig good(const std::string& context) {
    auto config = load(kGood, context);
    if (!config) throw std::runtime_error(config.error().message);
    return *std::move(config);
  }
  std::string why_not(const std::string& content, const std::string& context = "") {
    const auto config = load(content, context);
    if (config) return "(accepted)";
    EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
    return config.error().message;
  }
  Access access(Credentials& credentials) {
    auto got = run(credentials.current());
    if (!got) throw std::runtime_error(got.error().message);
    return *std::move(got);
  }
  std::filesystem::path folder;
};

TEST_F(ConfigTest, TakesTheCurrentContext) {
  const ClusterConfig config = good("");
  EXPECT_EQ(config.server.to_string(), "https://127.0.0.1:6443");
  EXPECT_EQ(config.server.tls_server_name, "kube.internal");
  EXPECT_EQ(config.ns, Namespace("team-a"));
  EXPECT_THAT(config.description, HasSubstr("context 'dev' of "));
  const Access got = access(*config.credentials);
  EXPECT_EQ(got.authorization.reveal(), "Bearer t0ken");
  EXPECT_EQ(got.tls->ca, "CA");
}
TEST_F(ConfigTest, ReadsEveryKindOfCredential) {
  const Access certificate = access(*good("certs").credentials);
  EXPECT_EQ(certificate.tls->client_certificate, "CERT");
  EXPECT_EQ(certificate.tls->client_key.reveal(), "KEY");
  EXPECT_TRUE(certificate.authorization.empty());
  EXPECT_EQ(access(*good("basics").credentials).authorization.reveal(), "Basic dTpw");
  const ClusterConfig open = good("nobody");
  EXPECT_FALSE(open.server.tls);
  EXPECT_EQ(open.server.path_prefix, "/prefix");
  EXPECT_EQ(open.ns, Namespace("default"));
  EXPECT_TRUE(access(*open.credentials).authorization.empty());
}
TEST_F(ConfigTest, FilesAreRelativeToTheirKubeconfig) {
  write("token.txt", "from-file\n");
  EXPECT_EQ(access(*good("files").credentials).authorization.reveal(), "Bearer from-file");
}
TEST_F(ConfigTest, MergesAListOfFilesTheFirstValueWinning) {
  const std::string one =
      write("one", "users: [{name: u, user: {token: first}}]\ncurrent-context: ''\n");
  const std::string two = write("two", R"(
current-context: c
users: [{name: u, user: {token: second}}]
clusters: [{name: k, cluster: {server: "https://a"}}]
contexts: [{name: c, context: {cluster: k, user: u}}])");
  const auto config =
      load_kubeconfig({.paths = one + ":" + (folder / "missing").string() + "::" + two}, runtime);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(access(*config->credentials).authorization.reveal(), "Bearer first");
}
TEST_F(ConfigTest, SaysWhatIsWrongWithABadFile) {
  EXPECT_THAT(why_not(": :\n  - ]["), HasSubstr("is not readable YAML"));
  EXPECT_THAT(why_not("[]"), HasSubstr("it has to be a kubeconfig"));
  EXPECT_THAT(why_not("clusters: {}"), HasSubstr("clusters has to be a list"));
  EXPECT_THAT(why_not("clusters: [7]"),
              HasSubstr("clusters has to be a list of objects with a name"));
  EXPECT_THAT(why_not(""), HasSubstr("has no current-context: name a context"));
  EXPECT_THAT(
      why_not(kGood, "prod"),
      HasSubstr("has no context 'prod': there is 'basics', 'certs', 'dev', 'files', 'nobody'"));
  EXPECT_THAT(load_kubeconfig({.paths = "/nonexistent/a:/nonexistent/b"}, runtime).error().message,
              HasSubstr("there is no kubeconfig at /nonexistent/a:/nonexistent/b"));
}
std::string with(const std::string& cluster, const std::string& user) {
  return "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
         "clusters: [{name: k, cluster: {" +
         cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}
TEST_F(ConfigTest, SaysWhatIsWrongWithABadEntry) {
  const std::string server = "server: 'https://a'";
  EXPECT_THAT(why_not(with("", "")), HasSubstr("has to be a URL such as https://10.0.0.1:6443"));
  EXPECT_THAT(why_not(with("server: [a]", "")), HasSubstr("cluster 'k': server has to be a text"));
  EXPECT_THAT(why_not(with(server + ", proxy-url: 'http://p'", "")),
              HasSubstr("proxy-url is not supported"));
  EXPECT_THAT(why_not(with(server + ", insecure-skip-tls-verify: maybe", "")),
              HasSubstr("has to be true or false"));
  EXPECT_THAT(
      why_not(
          with(server + ", insecure-skip-tls-verify: true, certificate-authority-data: Q0E=", "")),
      HasSubstr("exclude each other"));
  EXPECT_THAT(why_not(with(server + ", certificate-authority-data: '!!!'", "")),
              HasSubstr("certificate-authority-data has to be base64"));
  EXPECT_THAT(why_not(with(server + ", certificate-authority: /nonexistent/ca", "")),
              HasSubstr("cannot read /nonexistent/ca"));
  EXPECT_THAT(why_not(with(server, "client-key-data: S0VZ")),
              HasSubstr("have to be given together"));
  EXPECT_THAT(why_not(with(server, "auth-provider: {name: gcp}")),
              HasSubstr("'auth-provider' is not supported"));
  EXPECT_THAT(why_not(with(server, "as: admin")), HasSubstr("'as' is not supported"));
  EXPECT_THAT(why_not(with(server, "exec: {command: x}")), HasSubstr("exec.apiVersion has to be"));
  EXPECT_THAT(why_not(with(server, "exec: {apiVersion: client.authentication.k8s.io/v1}")),
              HasSubstr("exec.command has to name"));
  EXPECT_THAT(why_not(with(server,
                           "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
                           "interactiveMode: Always}")),
              HasSubstr("there is no terminal here"));
  EXPECT_THAT(why_not("current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]"),
              HasSubstr("has no cluster 'k': there is none"));
}

class InClusterTest : public ConfigTest {
 protected:
  InClusterTest() {
    write("ca.crt", "CA");
    write("token", "one\n");
    write("namespace", "spillway\n");
  }
  Result<ClusterConfig> in_cluster(const char* host = "10.96.0.1") {
    return load_in_cluster(folder, runtime,
                           [host](const std::string& name) -> std::optional<std::string> {
                             if (name == "KUBERNETES_SERVICE_HOST") return host;
                             if (name == "KUBERNETES_SERVICE_PORT") return "443";
                             return std::nullopt;
                           });
  }
};
TEST_F(InClusterTest, FindsTheServerAndItself) {
  const auto config = in_cluster();
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.to_string(), "https://10.96.0.1:443");
  EXPECT_EQ(config->ns, Namespace("spillway"));
  EXPECT_EQ(access(*config->credentials).authorization.reveal(), "Bearer one");
  EXPECT_EQ(in_cluster("fd00::1")->server.to_string(), "https://[fd00::1]:443");
}
TEST_F(InClusterTest, SaysWhenItIsNotAPod) {
  const auto config =
      load_in_cluster(folder, runtime, [](const std::string&) { return std::nullopt; });
  EXPECT_THAT(config.error().message, HasSubstr("this is not a pod"));
}
TEST_F(InClusterTest, ReadsTheTokenAgainEveryMinute) {
  const auto config = in_cluster();
  write("token", "two");
  time.run_for(std::chrono::seconds(59));
  EXPECT_EQ(access(*config->credentials).authorization.reveal(), "Bearer one");
  time.run_for(std::chrono::seconds(2));
  EXPECT_EQ(access(*config->credentials).authorization.reveal(), "Bearer two");
}
TEST_F(InClusterTest, ReadsTheTokenAgainWhenItWasRefused) {
  const auto config = in_cluster();
  write("token", "two");
  config->credentials->rejected();
  EXPECT_EQ(access(*config->credentials).authorization.reveal(), "Bearer two");
}
TEST_F(InClusterTest, KeepsTheLastGoodTokenWhileTheFileIsAwayOrEmpty) {
  const auto config = in_cluster();
  for (const bool remove : {true, false}) {
    if (remove)
      std::filesystem::remove(folder / "token");
    else
      write("token", " \n");
    time.run_for(std::chrono::minutes(2));
    EXPECT_EQ(access(*config->credentials).authorization.reveal(), "Bearer one");
  }
  write("token", "three");
  EXPECT_EQ(access(*config->credentials).authorization.reveal(), "Bearer three")
      << "tried again at each request";
}
TEST_F(InClusterTest, TheTlsMaterialChangesItsIdentityOnlyWithItsContent) {
  const auto config = in_cluster();
  const auto before = access(*config->credentials).tls;
  time.run_for(std::chrono::minutes(2));
  EXPECT_EQ(access(*config->credentials).tls, before);
  write("ca.crt", "CA2");
  time.run_for(std::chrono::minutes(2));
  EXPECT_NE(access(*config->credentials).tls, before);
  EXPECT_EQ(access(*config->credentials).tls->ca, "CA2");
}
TEST_F(InClusterTest, LoadingFollowsTheUsualOrder) {
  const std::string flag = write("flag", kGood);
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    if (name == "KUBECONFIG") return flag;
    return std::nullopt;
  };
  EXPECT_EQ(load_config({.paths = flag, .context = "files"}, runtime, environment)
                .error()
                .message.substr(0, 15),
            "context 'files'");
  EXPECT_EQ(load_config({}, runtime, environment)->ns, Namespace("team-a"));
  const Environment home = [&](const std::string& name) -> std::optional<std::string> {
    return name == "HOME" ? std::optional(folder.string()) : std::nullopt;
  };
  std::filesystem::create_directory(folder / ".kube");
  write(".kube/config", kGood);
  EXPECT_EQ(load_config({}, runtime, home)->ns, Namespace("team-a"));
  const Environment nothing = [](const std::string&) { return std::nullopt; };
  EXPECT_THAT(load_config({}, runtime, nothing).error().message, HasSubstr("give a kubeconfig"));
}

}  // namespace
}  // namespace spillway::kube
