#include <spillway/cloud/url.h>

#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

TEST(Url, splits_an_absolute_url) {
  const auto url = parse_url("HTTPS://EC2.us-east-1.amazonaws.com/a/b?x=1&y=%20");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "ec2.us-east-1.amazonaws.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->target(), "/a/b?x=1&y=%20");
  EXPECT_EQ(url->authority(), "ec2.us-east-1.amazonaws.com");
  EXPECT_EQ(url->origin(), "https://ec2.us-east-1.amazonaws.com:443");
}

TEST(Url, writes_the_port_only_where_it_is_not_the_schemes_own) {
  EXPECT_EQ(parse_url("http://127.0.0.1:80")->authority(), "127.0.0.1");
  EXPECT_EQ(parse_url("http://127.0.0.1:8080?a=b")->to_string(), "http://127.0.0.1:8080/?a=b");
  EXPECT_EQ(parse_url("http://[::1]:9")->authority(), "[::1]:9");
  EXPECT_EQ(parse_url("https://[::1]/x")->origin(), "https://[::1]:443");
}

TEST(Url, refuses_what_is_no_plain_http_url) {
  for (const char* bad :
       {"", "host", "ftp://host", "file:///etc/passwd", "http://", "http:///x", "https://u:p@host/",
        "https://host/#f", "http://host:0", "http://host:65536", "http://host:12x", "http://ho st/",
        "http://host\n/", "http://host\\evil", "http://[::1", "http://a\"b/"}) {
    EXPECT_FALSE(parse_url(bad)) << bad;
  }
}

TEST(Url, never_repeats_a_password_in_its_message) {
  const auto url = parse_url("https://user:hunter2@host/");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().message.find("hunter2"), std::string::npos);
}

TEST(PercentEncoding, keeps_unreserved_characters_alone) {
  EXPECT_EQ(percent_encode("aZ09-_.~"), "aZ09-_.~");
  EXPECT_EQ(percent_encode("Linux/UNIX (VPC)*+"), "Linux%2FUNIX%20%28VPC%29%2A%2B");
  EXPECT_EQ(percent_encode("/a b", Slashes::kKeep), "/a%20b");
  EXPECT_EQ(percent_encode("\xE1\x88\xB4"), "%E1%88%B4");
}

TEST(PercentEncoding, refuses_unfinished_escapes) {
  for (const char* bad : {"%", "a%2", "%zz", "%2g"})
    EXPECT_FALSE(percent_decode(bad)) << bad;
  EXPECT_EQ(*percent_decode("%2f%2F%41"), "//A");
}

TEST(Form, is_read_back_as_written) {
  const QueryParameters parameters{
      {"Action", "A b+c"}, {"Filter.1.Value.1", "us-east-*"}, {"e", ""}};
  EXPECT_EQ(*decode_form(encode_form(parameters)), parameters);
  EXPECT_EQ((*decode_form("a=1+2&b&&c=3"))[0].second, "1 2");
}

TEST(Form, is_bounded) {
  EXPECT_TRUE(decode_form("a&b&c", 3));
  EXPECT_FALSE(decode_form("a&b&c&d", 3));
}

}  // namespace
}  // namespace spillway::cloud
