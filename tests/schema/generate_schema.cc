/*
 * generate_schema.cc - writes lib/core/schema_table.inc (--table) and
 * include/kvsparse/element_ids.h (--ids) from the semantic tables of the
 * installed libebml and libmatroska.
 *
 * What the two libraries know (IDs, parents, types, defaults, how often) is
 * taken from them; what they name differently, lack or cannot tell is in the
 * lists below, each with where it comes from.  check_schema.sh compares the
 * output with the files in the tree.
 */
#include <ebml/EbmlBinary.h>
#include <ebml/EbmlContexts.h>
#include <ebml/EbmlDate.h>
#include <ebml/EbmlFloat.h>
#include <ebml/EbmlHead.h>
#include <ebml/EbmlMaster.h>
#include <ebml/EbmlSInteger.h>
#include <ebml/EbmlString.h>
#include <ebml/EbmlUInteger.h>
#include <ebml/EbmlUnicodeString.h>
#include <matroska/KaxSegment.h>
#include <matroska/KaxVersion.h>

#include <algorithm>
#include <cctype>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

const uint64_t kEbml = 0x1A45DFA3;
const uint64_t kSegment = 0x18538067;
const uint64_t kVoid = 0xEC;
const uint64_t kCrc32 = 0xBF;

struct Element {
  uint64_t id = 0;
  std::string name;
  std::string path;
  uint64_t parent_id = 0;
  std::string type;
  unsigned level = 0;
  std::set<std::string> flags;
  std::string default_value;
};

/*
 * libmatroska 1.x prints its class names, which are older than the names
 * that RFC 9559 (27.1, the registry) and RFC 8794 (11.2 and 11.3) settled on.
 * ChapterTrackUID, which the RFC left out, is named as in the schema file of
 * the Matroska project, ebml_matroska.xml.
 */
const std::map<uint64_t, const char *> kNames = {
    {0x1A45DFA3, "EBML"},
    {0x42F2, "EBMLMaxIDLength"},
    {0x4282, "DocType"},
    {0x4287, "DocTypeVersion"},
    {0x4285, "DocTypeReadVersion"},
    {0xBF, "CRC-32"},
    {0xEC, "Void"},
    {0x114D9B74, "SeekHead"},
    {0x4DBB, "Seek"},
    {0x73A4, "SegmentUUID"},
    {0x3CB923, "PrevUUID"},
    {0x3EB923, "NextUUID"},
    {0x2AD7B1, "TimestampScale"},
    {0xE7, "Timestamp"},
    {0x5854, "SilentTracks"},
    {0x58D7, "SilentTrackNumber"},
    {0xA7, "Position"},
    {0xAB, "PrevSize"},
    {0xFA, "ReferencePriority"},
    {0xCC, "LaceNumber"},
    {0xCD, "FrameNumber"},
    {0xCB, "BlockAdditionID"},
    {0xCE, "Delay"},
    {0xCA, "ReferenceTimestamp"},
    {0xB9, "FlagEnabled"},
    {0x88, "FlagDefault"},
    {0x55AA, "FlagForced"},
    {0x9C, "FlagLacing"},
    {0x6DE7, "MinCache"},
    {0x6DF8, "MaxCache"},
    {0x23E383, "DefaultDuration"},
    {0x234E7A, "DefaultDecodedFieldDuration"},
    {0x23314F, "TrackTimestampScale"},
    {0x536E, "Name"},
    {0x22B59C, "Language"},
    {0x22B59D, "LanguageBCP47"},
    {0x7446, "AttachmentLink"},
    {0xE0, "Video"},
    {0x9A, "FlagInterlaced"},
    {0x9D, "FieldOrder"},
    {0x53B8, "StereoMode"},
    {0x53C0, "AlphaMode"},
    {0xB0, "PixelWidth"},
    {0xBA, "PixelHeight"},
    {0x54AA, "PixelCropBottom"},
    {0x54BB, "PixelCropTop"},
    {0x54CC, "PixelCropLeft"},
    {0x54DD, "PixelCropRight"},
    {0x54B0, "DisplayWidth"},
    {0x54BA, "DisplayHeight"},
    {0x54B2, "DisplayUnit"},
    {0x54B3, "AspectRatioType"},
    {0x2EB524, "UncompressedFourCC"},
    {0x2FB523, "GammaValue"},
    {0x2383E3, "FrameRate"},
    {0x55B0, "Colour"},
    {0x55B1, "MatrixCoefficients"},
    {0x55B2, "BitsPerChannel"},
    {0x55B3, "ChromaSubsamplingHorz"},
    {0x55B4, "ChromaSubsamplingVert"},
    {0x55B5, "CbSubsamplingHorz"},
    {0x55B6, "CbSubsamplingVert"},
    {0x55B7, "ChromaSitingHorz"},
    {0x55B8, "ChromaSitingVert"},
    {0x55B9, "Range"},
    {0x55BA, "TransferCharacteristics"},
    {0x55BB, "Primaries"},
    {0x55BC, "MaxCLL"},
    {0x55BD, "MaxFALL"},
    {0x55D0, "MasteringMetadata"},
    {0x55D1, "PrimaryRChromaticityX"},
    {0x55D2, "PrimaryRChromaticityY"},
    {0x55D3, "PrimaryGChromaticityX"},
    {0x55D4, "PrimaryGChromaticityY"},
    {0x55D5, "PrimaryBChromaticityX"},
    {0x55D6, "PrimaryBChromaticityY"},
    {0x55D7, "WhitePointChromaticityX"},
    {0x55D8, "WhitePointChromaticityY"},
    {0x55D9, "LuminanceMax"},
    {0x55DA, "LuminanceMin"},
    {0x7670, "Projection"},
    {0x7671, "ProjectionType"},
    {0x7672, "ProjectionPrivate"},
    {0x7673, "ProjectionPoseYaw"},
    {0x7674, "ProjectionPosePitch"},
    {0x7675, "ProjectionPoseRoll"},
    {0xE1, "Audio"},
    {0xB5, "SamplingFrequency"},
    {0x78B5, "OutputSamplingFrequency"},
    {0x9F, "Channels"},
    {0x7D7B, "ChannelPositions"},
    {0x6264, "BitDepth"},
    {0x4660, "FileMediaType"},
    {0x6E67, "ChapterSegmentUUID"},
    {0x89, "ChapterTrackUID"},
    {0x85, "ChapString"},
    {0x437C, "ChapLanguage"},
    {0x437D, "ChapLanguageBCP47"},
    {0x437E, "ChapCountry"},
    {0x6944, "ChapProcess"},
    {0x6955, "ChapProcessCodecID"},
    {0x450D, "ChapProcessPrivate"},
    {0x6911, "ChapProcessCommand"},
    {0x6922, "ChapProcessTime"},
    {0x6933, "ChapProcessData"},
    {0x63C0, "Targets"},
    {0x68CA, "TargetTypeValue"},
    {0x63CA, "TargetType"},
    {0x67C8, "SimpleTag"},
    {0x447B, "TagLanguageBCP47"},
};

/* libmatroska lets every master be of unknown size.  RFC 9559 allows it for
 * these two only (5.1 and 5.1.3, unknownsizeallowed). */
const std::set<uint64_t> kUnknownSize = {0x18538067, 0x1F43B675};

/* libebml takes "matroska" where DocType is missing; RFC 8794 (11.2.6) gives
 * it no default. */
const std::set<uint64_t> kNoDefault = {0x4282};

/* libmatroska leaves the default of TrackOffset uninitialised; it is 0. */
const std::map<uint64_t, std::string> kDefault = {{0x537F, ".i = 0"}};

/* What libebml lacks: RFC 8794, 11.2.9 to 11.2.11.  Parents first. */
struct Addition {
  uint64_t id;
  uint64_t parent_id;
  const char *name;
  const char *type;
  const char *flag;
};
const Addition kAdditions[] = {
    {0x4281, kEbml, "DocTypeExtension", "MASTER", "MULTIPLE"},
    {0x4283, 0x4281, "DocTypeExtensionName", "STRING", "MANDATORY"},
    {0x4284, 0x4281, "DocTypeExtensionVersion", "UINT", "MANDATORY"},
};

std::string number(const char *format, uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string hex(uint64_t id) {
  return number("0x%" PRIX64, id);
}

/* A C constant of type double; the text of a whole number has no point. */
std::string float_constant(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  const std::string constant = text;
  const bool whole = constant.find_first_of(".en") == std::string::npos;
  return whole ? constant + ".0" : constant;
}

/* The type, and the initializer of default_value where there is one. */
void describe_value(Element &out, const libebml::EbmlElement &e) {
  using namespace libebml;
  const bool has_default = e.DefaultISset();
  std::string value;
  if (dynamic_cast<const EbmlMaster *>(&e)) {
    out.type = "MASTER";
  } else if (auto u = dynamic_cast<const EbmlUInteger *>(&e)) {
    out.type = "UINT";
    if (has_default)
      value = ".u = " + number("%" PRIu64, u->DefaultVal());
  } else if (auto i = dynamic_cast<const EbmlSInteger *>(&e)) {
    out.type = "INT";
    if (has_default)
      value = ".i = " + std::to_string(i->DefaultVal());
  } else if (auto f = dynamic_cast<const EbmlFloat *>(&e)) {
    out.type = "FLOAT";
    if (has_default)
      value = ".f = " + float_constant(f->DefaultVal());
  } else if (auto s = dynamic_cast<const EbmlString *>(&e)) {
    out.type = "STRING";
    if (has_default)
      value = ".s = \"" + s->DefaultVal() + "\"";
  } else if (auto t = dynamic_cast<const EbmlUnicodeString *>(&e)) {
    out.type = "UTF8";
    if (has_default)
      value = ".s = \"" + t->DefaultVal().GetUTF8() + "\"";
  } else if (dynamic_cast<const EbmlDate *>(&e)) {
    out.type = "DATE";
  } else if (dynamic_cast<const EbmlBinary *>(&e)) {
    out.type = "BINARY";
  }
  const auto known = kDefault.find(out.id);
  if (known != kDefault.end())
    value = known->second;
  if (value.empty() || kNoDefault.count(out.id))
    return;
  out.default_value = value;
  out.flags.insert("HAS_DEFAULT");
}

/* Collects elements in the order of the tree. */
class Walk {
 public:
  std::vector<Element> elements;

  void top_level(const libebml::EbmlCallbacks &info) {
    Element e = describe(info, nullptr);
    e.flags.insert("MANDATORY");
    e.path = "\\" + e.name;
    elements.push_back(e);
    children(EBML_INFO_CONTEXT(info), e);
  }

  /* The paths are RFC 8794's (11.3): Void anywhere, CRC-32 in any master. */
  void global(const libebml::EbmlSemanticContext &context) {
    for (size_t i = 0; i < EBML_CTX_SIZE(context); i++) {
      const libebml::EbmlSemantic &semantic = EBML_CTX_IDX(context, i);
      Element e = describe(EBML_CTX_IDX_INFO(context, i), &semantic);
      e.flags.insert("GLOBAL");
      e.path = (e.id == kVoid ? "\\(-\\)" : "\\(1-\\)") + e.name;
      elements.push_back(e);
    }
  }

  void add(const Addition &addition) {
    auto parent = std::find_if(
        elements.begin(), elements.end(),
        [&](const Element &e) { return e.id == addition.parent_id; });
    Element e;
    e.id = addition.id;
    e.name = addition.name;
    e.type = addition.type;
    e.flags.insert(addition.flag);
    place(e, *parent);
    elements.push_back(e);
  }

 private:
  Element describe(const libebml::EbmlCallbacks &info,
                   const libebml::EbmlSemantic *semantic) {
    std::unique_ptr<libebml::EbmlElement> made(&EBML_INFO_CREATE(info));
    Element e;
    e.id = EBML_ID_VALUE(EBML_INFO_ID(info));
    auto renamed = kNames.find(e.id);
    e.name = renamed == kNames.end() ? EBML_INFO_NAME(info) : renamed->second;
    describe_value(e, *made);
    if (kUnknownSize.count(e.id))
      e.flags.insert("UNKNOWN_SIZE");
    if (semantic != nullptr && semantic->IsMandatory())
      e.flags.insert("MANDATORY");
    if (semantic != nullptr && !semantic->IsUnique())
      e.flags.insert("MULTIPLE");
    return e;
  }

  /* RFC 8794 (11.1.6.2) marks what may lie in itself by a plus sign. */
  void place(Element &e, const Element &parent) {
    e.parent_id = parent.id;
    e.level = parent.level + 1;
    e.path = parent.path + (e.flags.count("RECURSIVE") ? "\\+" : "\\") + e.name;
  }

  void children(const libebml::EbmlSemanticContext &context,
                const Element &parent) {
    for (size_t i = 0; i < EBML_CTX_SIZE(context); i++) {
      const libebml::EbmlCallbacks &info = EBML_CTX_IDX_INFO(context, i);
      Element e = describe(info, &EBML_CTX_IDX(context, i));
      if (e.id == parent.id)
        continue; /* itself: its parent's RECURSIVE */
      const libebml::EbmlSemanticContext &inner = EBML_INFO_CONTEXT(info);
      if (contains(inner, e.id))
        e.flags.insert("RECURSIVE");
      place(e, parent);
      elements.push_back(e);
      /* Only masters have a context of their own. */
      if (e.type == "MASTER")
        children(inner, e);
    }
  }

  static bool contains(const libebml::EbmlSemanticContext &context,
                       uint64_t id) {
    for (size_t i = 0; i < EBML_CTX_SIZE(context); i++)
      if (EBML_ID_VALUE(EBML_CTX_IDX_ID(context, i)) == id)
        return true;
    return false;
  }
};

/* "EBMLMaxIDLength" -> "EBML_MAX_ID_LENGTH", "CRC-32" -> "CRC_32": a word
 * begins at a capital after a small letter, or before one. */
std::string macro_name(const std::string &name) {
  auto at = [&](size_t i) {
    return i < name.size() ? static_cast<unsigned char>(name[i]) : 0;
  };
  std::string out;
  for (size_t i = 0; i < name.size(); i++) {
    const bool word = i > 0 && std::isupper(at(i)) &&
                      (std::islower(at(i - 1)) || std::islower(at(i + 1)));
    if (word)
      out += '_';
    out += at(i) == '-' ? '_' : static_cast<char>(std::toupper(at(i)));
  }
  return out;
}

/* Each ID, name and macro once, each type known. */
bool is_sound(const std::vector<Element> &elements) {
  std::set<uint64_t> ids;
  std::set<std::string> names;
  for (const Element &e : elements) {
    const bool fresh =
        ids.insert(e.id).second && names.insert(macro_name(e.name)).second;
    if (fresh && !e.type.empty())
      continue;
    std::fprintf(stderr, "generate_schema: %s %s: twice, or of no type\n",
                 hex(e.id).c_str(), e.name.c_str());
    return false;
  }
  for (const auto &renamed : kNames) {
    if (ids.count(renamed.first))
      continue;
    std::fprintf(stderr, "generate_schema: %s is in no table\n",
                 renamed.second);
    return false;
  }
  return true;
}

void print_origin() {
  std::printf(
      "/* generated by tests/schema/generate_schema.cc from libmatroska %s;\n"
      " * do not edit */\n",
      libmatroska::KaxCodeVersion.c_str());
}

/* What stands together: the EBML header, the global elements, each top-level
 * element of the Segment. */
bool begins_group(const Element &e) {
  return e.id == kEbml || e.id == kCrc32 || e.id == kSegment ||
         (e.parent_id == kSegment && e.type == "MASTER");
}

void print_ids(const std::vector<Element> &elements) {
  print_origin();
  std::printf(
      "/*\n"
      " * element_ids.h - the IDs of EBML's and Matroska's elements, with "
      "their\n"
      " * marker bits, in the order of the tree.  Names and meanings: RFC "
      "8794,\n"
      " * section 11, and RFC 9559, section 5.\n"
      " */\n"
      "#ifndef KVSPARSE_ELEMENT_IDS_H\n"
      "#define KVSPARSE_ELEMENT_IDS_H\n");
  for (const Element &e : elements) {
    if (begins_group(e))
      std::printf("\n");
    std::printf("#define KVSP_ID_%s %s\n", macro_name(e.name).c_str(),
                hex(e.id).c_str());
  }
  std::printf("\n#endif\n");
}

/* A path as C string literals that fit into 80 columns.  Its backslashes are
 * all there is to escape. */
std::string quoted_path(const std::string &path) {
  std::string out;
  std::string line;
  for (size_t i = 0; i < path.size();) {
    const size_t end = std::min(path.find('\\', i + 1), path.size());
    const std::string part =
        (path[i] == '\\' ? "\\" : "") + path.substr(i, end - i);
    if (line.size() + part.size() > 70) {
      out += "\"" + line + "\"\n     ";
      line.clear();
    }
    line += part;
    i = end;
  }
  return out + "\"" + line + "\"";
}

std::string joined_flags(const std::set<std::string> &flags) {
  std::string out;
  for (const std::string &flag : flags)
    out += (out.empty() ? "F(" : " | F(") + flag + ")";
  return out.empty() ? "0" : out;
}

void print_rows(const std::vector<Element> &elements) {
  std::printf("#define SCHEMA_COUNT %zu\n\n", elements.size());
  std::printf("static const kvsp_element_info rows[SCHEMA_COUNT] = {\n");
  for (const Element &e : elements) {
    std::printf("    {%s, \"%s\",\n     %s,\n", hex(e.id).c_str(),
                e.name.c_str(), quoted_path(e.path).c_str());
    std::printf("     %s, KVSP_TYPE_%s, %u,\n     %s, {%s}},\n",
                e.parent_id ? hex(e.parent_id).c_str() : "0", e.type.c_str(),
                e.level, joined_flags(e.flags).c_str(),
                e.default_value.empty() ? ".u = 0" : e.default_value.c_str());
  }
  std::printf("};\n\n");
}

/* Twelve numbers a line. */
void print_array(const char *declaration, const std::vector<unsigned> &values) {
  std::printf("static const uint16_t %s = {", declaration);
  for (size_t i = 0; i < values.size(); i++)
    std::printf("%s%u,", i % 12 == 0 ? "\n    " : " ", values[i]);
  std::printf("\n};\n");
}

/*
 * The hash that schema.c computes: the high bits of a product, then one slot
 * after the other up to an empty one.  A quarter of the slots is in use, so
 * that a multiplier is soon found with which no search is long.
 */
const unsigned kHashBits = 10;

struct Hash {
  uint64_t multiplier = 0;
  unsigned longest = 0;        /* slots looked at for a known ID */
  std::vector<unsigned> slots; /* row + 1, 0: empty */
};

Hash make_hash(const std::vector<Element> &elements, uint64_t multiplier) {
  Hash hash;
  hash.multiplier = multiplier;
  hash.slots.assign(size_t{1} << kHashBits, 0);
  for (unsigned row = 0; row < elements.size(); row++) {
    size_t slot = (elements[row].id * multiplier) >> (64 - kHashBits);
    unsigned looked = 1;
    for (; hash.slots[slot] != 0; looked++)
      slot = (slot + 1) % hash.slots.size();
    hash.slots[slot] = row + 1;
    hash.longest = std::max(hash.longest, looked);
  }
  return hash;
}

/* Numbers from a fixed sequence, so that the output is always the same. */
Hash best_hash(const std::vector<Element> &elements) {
  uint64_t state = 1;
  Hash best;
  for (int i = 0; i < 20000; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    Hash hash = make_hash(elements, state | 1);
    if (best.longest == 0 || hash.longest < best.longest)
      best = hash;
  }
  return best;
}

std::vector<unsigned> order_by_name(const std::vector<Element> &elements) {
  std::vector<unsigned> order(elements.size());
  for (unsigned i = 0; i < order.size(); i++)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&](unsigned a, unsigned b) {
    return elements[a].name < elements[b].name;
  });
  return order;
}

void print_table(std::vector<Element> elements) {
  std::sort(elements.begin(), elements.end(),
            [](const Element &a, const Element &b) { return a.id < b.id; });
  const Hash hash = best_hash(elements);
  print_origin();
  std::printf("/* clang-format off */\n\n");
  std::printf("#define F(flag) KVSP_ELEMENT_##flag\n");
  print_rows(elements);
  std::printf("#undef F\n\n");
  std::printf("/* Rows in the order of their names. */\n");
  print_array("by_name[SCHEMA_COUNT]", order_by_name(elements));
  std::printf("\n#define SCHEMA_HASH_BITS %u\n", kHashBits);
  std::printf("#define SCHEMA_HASH_MULTIPLIER UINT64_C(%s)\n\n",
              hex(hash.multiplier).c_str());
  std::printf(
      "/* Row + 1 by hash of the ID, 0: empty.  A known ID is found in at "
      "most %u\n * slots. */\n",
      hash.longest);
  print_array("slots[1 << SCHEMA_HASH_BITS]", hash.slots);
}

}  // namespace

int main(int argc, char **argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  if (what != "--table" && what != "--ids") {
    std::fprintf(stderr, "usage: generate_schema --table|--ids\n");
    return 2;
  }
  Walk walk;
  walk.top_level(EBML_INFO(libebml::EbmlHead));
  for (const Addition &addition : kAdditions)
    walk.add(addition);
  walk.global(GetEbmlGlobal_Context());
  walk.top_level(EBML_INFO(libmatroska::KaxSegment));
  if (!is_sound(walk.elements))
    return 1;
  if (what == "--ids")
    print_ids(walk.elements);
  else
    print_table(walk.elements);
  return std::fflush(stdout) == 0 && !std::ferror(stdout) ? 0 : 1;
}
