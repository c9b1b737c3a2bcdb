#include "carried.h"

#include <ebml/EbmlDummy.h>
#include <kvsparse/ebml.h>
#include <kvsparse/element_ids.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace kvsp {

using namespace libebml;
using namespace libmatroska;

namespace {

/* What libebml can write, and what Matroska has. */
const unsigned kIdSizeMost = 4;

/* Of any ID and type; libmatroska sees nothing but its size. */
class Carried : public EbmlDummy {
 public:
  Carried(const EbmlId &id, kvsp_view payload) : EbmlDummy(id) {
    auto *copy = static_cast<binary *>(malloc(payload.len + 1));
    if (!copy) throw std::bad_alloc();
    if (payload.len > 0) memcpy(copy, payload.data, payload.len);
    SetBuffer(copy, static_cast<uint32_t>(payload.len)); /* free()s it */
  }
  /* One that is the default is not written. */
  bool IsDefaultValue() const override {
    return false;
  }
};

/* Some the table writes, from what the reader made of them.  The reader has
 * undone the encodings and the track's own scale of time.  What links to
 * attachments, or to tracks for fast forward, leads nowhere in the file. */
bool is_left_out(uint64_t id) {
  static const uint64_t ids[] = {KVSP_ID_TRACK_NUMBER,
                                 KVSP_ID_TRACK_UID,
                                 KVSP_ID_TRACK_TYPE,
                                 KVSP_ID_FLAG_LACING,
                                 KVSP_ID_MAX_BLOCK_ADDITION_ID,
                                 KVSP_ID_DEFAULT_DURATION,
                                 KVSP_ID_NAME,
                                 KVSP_ID_LANGUAGE,
                                 KVSP_ID_LANGUAGE_BCP47,
                                 KVSP_ID_CODEC_ID,
                                 KVSP_ID_CODEC_PRIVATE,
                                 KVSP_ID_CONTENT_ENCODINGS,
                                 KVSP_ID_TRACK_TIMESTAMP_SCALE,
                                 KVSP_ID_ATTACHMENT_LINK,
                                 KVSP_ID_TRICK_TRACK_UID,
                                 KVSP_ID_TRICK_TRACK_SEGMENT_UID,
                                 KVSP_ID_TRICK_TRACK_FLAG,
                                 KVSP_ID_TRICK_MASTER_TRACK_UID,
                                 KVSP_ID_TRICK_MASTER_TRACK_SEGMENT_UID};
  return std::find(std::begin(ids), std::end(ids), id) != std::end(ids);
}

struct Child {
  uint64_t id;
  unsigned id_size;
  kvsp_view payload;
};

bool take(kvsp_view &rest, size_t size) {
  if (size > rest.len) return false;
  rest.data += size;
  rest.len -= size;
  return true;
}

bool next(kvsp_view &rest, Child &child) {
  uint64_t size = 0;
  int length = kvsp_ebml_read_id(rest, &child.id);
  if (length <= 0) return false;
  child.id_size = static_cast<unsigned>(length);
  take(rest, child.id_size);
  length = kvsp_ebml_read_size(rest, &size);
  if (length <= 0) return false;
  take(rest, static_cast<size_t>(length));
  if (size > rest.len) return false;
  child.payload = {rest.data, static_cast<size_t>(size)};
  return take(rest, static_cast<size_t>(size));
}

bool has_id(const EbmlElement &element, uint32_t id) {
  return EbmlId(element).GetValue() == id;
}

}  // namespace

void carry(KaxTrackEntry &entry, kvsp_view source) {
  Child child;
  while (next(source, child)) {
    if (is_left_out(child.id) || child.id_size > kIdSizeMost) continue;
    EbmlId id(static_cast<uint32_t>(child.id), child.id_size);
    entry.PushElement(*new Carried(id, child.payload));
  }
}

bool is_carried(const KaxTrackEntry &entry, uint32_t id) {
  for (const EbmlElement *child : entry.GetElementList())
    if (has_id(*child, id)) return dynamic_cast<const Carried *>(child);
  return false;
}

void remove_children(KaxTrackEntry &entry, uint32_t id) {
  auto &children = entry.GetElementList();
  for (size_t i = children.size(); i-- > 0;) {
    if (!has_id(*children[i], id)) continue;
    delete children[i];
    children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace kvsp
