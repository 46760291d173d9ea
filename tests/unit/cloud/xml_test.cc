#include <spillway/cloud/xml.h>

#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

// "(name text) ..." of a whole document, or the error.
std::string outline(std::string_view document) {
  XmlReader reader(document);
  std::string out;
  while (true) {
    const auto event = reader.next();
    if (!event) return "error";
    switch (event->kind) {
      case XmlEvent::Kind::kStart: out += "(" + std::string(event->name); break;
      case XmlEvent::Kind::kText: out += " " + event->text; break;
      case XmlEvent::Kind::kEnd: out += ")"; break;
      case XmlEvent::Kind::kDone: return out;
    }
  }
}

TEST(XmlReader, walks_elements_and_text) {
  EXPECT_EQ(outline("<?xml version=\"1.0\"?>\n<!-- c --><a x='1>2'><b>t</b><c/><p:d/> </a>\n"),
            "(a(b t)(c)(d))");
}

TEST(XmlReader, unescapes_text_and_keeps_cdata) {
  EXPECT_EQ(outline("<a>&lt;&amp;&gt;&#65;&#x42;&quot;&apos;</a>"), "(a <&>AB\"')");
  EXPECT_EQ(outline("<a><![CDATA[<&]]></a>"), "(a <&)");
  EXPECT_EQ(outline("<a>&#x1234;</a>"), "(a \xE1\x88\xB4)");
}

TEST(XmlReader, refuses_what_is_not_well_formed_xml) {
  for (const char* bad : {"",
                          "   ",
                          "text",
                          "<a>",
                          "<a></b>",
                          "</a>",
                          "<a/><b/>",
                          "<a>&nbsp;</a>",
                          "<a>&#0;</a>",
                          "<a>&#xD800;</a>",
                          "<a>&#x110000;</a>",
                          "<a>&lt</a>",
                          "<a b='></a>",
                          "<a <b/></a>",
                          "<",
                          "<a",
                          "< a/>",
                          "<!-- <a/>",
                          "<?xml <a/>",
                          "<a><![CDATA[x</a>",
                          "<a/>text",
                          "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                          "<!DOCTYPE html><html><body>Bad Gateway</body></html>"}) {
    EXPECT_EQ(outline(bad), "error") << bad;
  }
}

TEST(XmlReader, does_not_recurse_and_bounds_depth) {
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i)
    deep += "<a>";
  EXPECT_EQ(outline(deep), "error");
}

TEST(XmlReader, reads_and_skips_elements) {
  XmlReader reader("<a><b>x</b><c><d>y</d></c><e/></a>");
  ASSERT_TRUE(reader.next());  // a
  ASSERT_TRUE(reader.next());  // b
  EXPECT_EQ(*read_text(reader), "x");
  ASSERT_TRUE(reader.next());  // c
  EXPECT_TRUE(skip_element(reader));
  EXPECT_EQ(reader.next()->name, "e");
  EXPECT_EQ(*read_text(reader), "");
  EXPECT_EQ(reader.next()->kind, XmlEvent::Kind::kEnd);
  EXPECT_EQ(reader.next()->kind, XmlEvent::Kind::kDone);
}

TEST(XmlReader, refuses_an_element_where_text_is_expected) {
  XmlReader reader("<a><b/></a>");
  ASSERT_TRUE(reader.next());
  EXPECT_FALSE(read_text(reader));
}

TEST(XmlEscape, writes_text_that_reads_back) {
  EXPECT_EQ(outline("<a>" + xml_escape("<a href='x'>&\"") + "</a>"), "(a <a href='x'>&\")");
  EXPECT_EQ(xml_escape("a\x01"), "a?");
}

}  // namespace
}  // namespace spillway::cloud
