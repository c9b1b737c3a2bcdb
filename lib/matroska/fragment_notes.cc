#include "fragment_notes.h"

#include <matroska/KaxChapters.h>
#include <matroska/KaxTag.h>
#include <matroska/KaxTags.h>

#include <algorithm>

#include "text.h"

namespace kvsp {

using namespace libmatroska;

namespace {

/* RFC 9559, 5.1.8.1.1.1: a part of the whole. */
const uint64_t kTargetTypeChapter = 30;

std::string title_of(const kvsp_fragment &fragment) {
  std::string when;
  if (fragment.producer_time_ns != KVSP_TIME_NONE)
    when = date(fragment.producer_time_ns);
  if (!when.empty()) return when;
  return "Fragment " + std::to_string(fragment.index);
}

template <class Simple>
void fill(KaxTagSimple &element, const Simple &tag) {
  GetChild<KaxTagName>(element).SetValueUTF8(tag.name);
  if (tag.flags & KVSP_TAG_BINARY)
    GetChild<KaxTagBinary>(element).CopyBuffer(
        reinterpret_cast<const uint8_t *>(tag.value.data()),
        static_cast<uint32_t>(tag.value.size()));
  else if (tag.flags & KVSP_TAG_STRING)
    GetChild<KaxTagString>(element).SetValueUTF8(tag.value);
}

}  // namespace

void FragmentNotes::begin(const kvsp_fragment &fragment) {
  open_ = true;
  has_frames_ = false;
  title_ = title_of(fragment);
  clear_tags();
}

void FragmentNotes::clear_tags() {
  open_tags_.clear();
  open_bytes_ = 0;
}

FragmentNotes::Tag FragmentNotes::describe(const kvsp_targets *targets,
                                           const TrackTable &tracks) {
  Tag tag{kTargetTypeChapter, "CHAPTER", {}, {}};
  if (!targets) return tag;
  for (size_t i = 0; i < targets->target_count; i++) {
    const kvsp_target &target = targets->targets[i];
    if (target.element_id != 0x63C5) continue; /* TagTrackUID */
    uint64_t uid = target.uid ? tracks.uid_of(target.uid) : 0;
    if (uid) tag.track_uids.push_back(uid);
  }
  return tag;
}

void FragmentNotes::add_tag(const kvsp_targets *targets,
                            const TrackTable &tracks) {
  open_tags_.push_back(describe(targets, tracks));
  open_bytes_ += sizeof(Tag) + 8 * open_tags_.back().track_uids.size();
}

void FragmentNotes::add_tags(const kvsp_item &item, const TrackTable &tracks) {
  const kvsp_targets *before = nullptr;
  if (!open_) return;
  for (size_t i = 0; i < item.tag_count; i++) {
    const kvsp_tag &shown = *item.tags[i];
    if (i == 0 || shown.targets != before)
      add_tag(shown.targets, tracks);
    before = shown.targets;
    SimpleTag tag{utf8(shown.name), std::string(), shown.flags, shown.depth};
    if (shown.flags & KVSP_TAG_BINARY)
      tag.value.assign(reinterpret_cast<const char *>(shown.value.data),
                       shown.value.len);
    else
      tag.value = utf8(shown.value);
    open_bytes_ += sizeof tag + tag.name.size() + tag.value.size();
    open_tags_.back().simple_tags.push_back(std::move(tag));
  }
}

void FragmentNotes::add_frame(int64_t start_ns, int64_t end_ns) {
  start_ns_ = has_frames_ ? std::min(start_ns_, start_ns) : start_ns;
  end_ns_ = has_frames_ ? std::max(end_ns_, end_ns) : end_ns;
  has_frames_ = true;
}

void FragmentNotes::render_chapter() {
  KaxChapterAtom atom;
  uint64_t start = static_cast<uint64_t>(std::max<int64_t>(start_ns_, 0));
  uint64_t end = static_cast<uint64_t>(std::max<int64_t>(end_ns_, 0));
  GetChild<KaxChapterUID>(atom).SetValue(count_);
  GetChild<KaxChapterTimeStart>(atom).SetValue(start);
  GetChild<KaxChapterTimeEnd>(atom).SetValue(std::max(start, end));
  KaxChapterDisplay &display = GetChild<KaxChapterDisplay>(atom);
  GetChild<KaxChapterString>(display).SetValueUTF8(title_);
  GetChild<KaxChapterLanguage>(display).SetValue("und");
  atom.Render(chapters_, false);
}

void FragmentNotes::render_tag(const Tag &tag) {
  KaxTag element;
  KaxTagTargets &targets = GetChild<KaxTagTargets>(element);
  GetChild<KaxTagTargetTypeValue>(targets).SetValue(tag.type_value);
  GetChild<KaxTagTargetType>(targets).SetValue(tag.type);
  for (uint64_t uid : tag.track_uids)
    AddNewChild<KaxTagTrackUID>(targets).SetValue(uid);
  GetChild<KaxTagChapterUID>(targets).SetValue(count_);

  auto &children = element.GetElementList();
  children.erase(std::remove_if(children.begin(), children.end(),
                                [](libebml::EbmlElement *child) {
                                  bool simple =
                                      dynamic_cast<KaxTagSimple *>(child);
                                  if (simple) delete child;
                                  return simple;
                                }),
                 children.end());
  std::vector<libebml::EbmlMaster *> inside{&element};
  for (const SimpleTag &simple : tag.simple_tags) {
    size_t depth = std::min<size_t>(simple.depth, inside.size() - 1);
    inside.resize(depth + 1);
    KaxTagSimple &child = AddNewChild<KaxTagSimple>(*inside.back());
    fill(child, simple);
    inside.push_back(&child);
  }
  element.Render(tags_, false);
}

void FragmentNotes::end() {
  if (open_ && has_frames_) {
    count_++;
    render_chapter();
    for (const Tag &tag : open_tags_) render_tag(tag);
  }
  open_ = false;
  clear_tags();
}

}  // namespace kvsp
