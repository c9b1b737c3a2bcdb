#include "file_writer.h"

#include <ebml/EbmlHead.h>
#include <ebml/EbmlSubHead.h>
#include <ebml/EbmlVersion.h>
#include <ebml/EbmlVoid.h>
#include <matroska/KaxBlock.h>
#include <matroska/KaxBlockData.h>
#include <matroska/KaxChapters.h>
#include <matroska/KaxClusterData.h>
#include <matroska/KaxCues.h>
#include <matroska/KaxCuesData.h>
#include <matroska/KaxInfo.h>
#include <matroska/KaxInfoData.h>
#include <matroska/KaxSeekHead.h>
#include <matroska/KaxTags.h>
#include <matroska/KaxVersion.h>

#include <algorithm>
#include <vector>

namespace kvsp {

using namespace libebml;
using namespace libmatroska;

namespace {

/* Five entries of at most 21 bytes, and what remains is a Void. */
const uint64_t kSeekHeadRoom = 128;
/* What may be learnt of a track until the end: CodecID, Audio, ... */
const uint64_t kTracksRoom = 64;
const uint64_t kTrackRoom = 96;
/* Sizes that are only known at the end have room for any. */
const int kSizeLength = 8;
const uint64_t kClusterHead = 12;
/* Players read a Cluster as a whole. */
const int64_t kClusterNs = INT64_C(5000000000);
const uint64_t kClusterBytes = 5000000;
const int64_t kSecondNs = INT64_C(1000000000);

binary *unsafe(const uint8_t *data) {
  static binary none = 0;
  return data ? const_cast<binary *>(data) : &none;
}

/* Lends the frame's bytes; the Block deletes it. */
DataBuffer *lend(const kvsp_frame &frame) {
  return new DataBuffer(unsafe(frame.data.data),
                        static_cast<uint32>(frame.data.len));
}

/* What libmatroska's constructors put there, empty. */
void clear(EbmlMaster &master) {
  for (EbmlElement *child : master.GetElementList()) delete child;
  master.GetElementList().clear();
}

void write_bytes(Output &output, const std::string &bytes) {
  output.write(bytes.data(), bytes.size());
}

void begin_master(EbmlMaster &master, Output &output) {
  clear(master);
  master.SetSizeInfinite(true);
  master.WriteHead(output, kSizeLength);
}

void add_seek(KaxSeekHead &head, const EbmlId &id, uint64_t at) {
  binary bytes[4];
  KaxSeek &seek = AddNewChild<KaxSeek>(head);
  id.Fill(bytes);
  GetChild<KaxSeekID>(seek).CopyBuffer(bytes,
                                       static_cast<uint32>(EBML_ID_LENGTH(id)));
  GetChild<KaxSeekPosition>(seek).SetValue(at);
}

void add_additions(KaxBlockGroup &group, Track &track,
                   const kvsp_frame &frame) {
  KaxBlockAdditions &additions = GetChild<KaxBlockAdditions>(group);
  clear(additions);
  for (size_t i = 0; i < frame.addition_count; i++) {
    const kvsp_addition &addition = frame.additions[i];
    KaxBlockMore &more = AddNewChild<KaxBlockMore>(additions);
    uint64_t id = std::max<uint64_t>(addition.id, 1);
    GetChild<KaxBlockAddID>(more).SetValue(id);
    GetChild<KaxBlockAdditional>(more).CopyBuffer(
        unsafe(addition.data.data), static_cast<uint32>(addition.data.len));
    track.addition_id_most = std::max(track.addition_id_most, id);
  }
}

bool needs_group(const Track &track, const kvsp_frame &frame) {
  bool own_duration = frame.duration_ns != KVSP_TIME_NONE &&
                      frame.duration_ns != track.default_duration_ns;
  return own_duration || frame.discard_padding_ns != 0 ||
         frame.codec_state.data || frame.addition_count > 0;
}

}  // namespace

FileWriter::FileWriter(const kvsp_finisher_config &config, TrackTable &tracks)
    : writing_app_(config.writing_app
                       ? std::string(config.writing_app)
                       : std::string("libkvsparse ") + kvsp_version()),
      output_(config.write, config.user),
      tracks_(tracks) {
}

int64_t FileWriter::ticks(int64_t ns) const {
  int64_t tick = static_cast<int64_t>(tick_ns_);
  int64_t whole = ns / tick;
  int64_t rest = ns % tick;
  if (rest < 0) {
    whole--;
    rest += tick;
  }
  return rest > (tick - 1) / 2 ? whole + 1 : whole;
}

/* size is at least 2. */
void FileWriter::write_void(uint64_t size) {
  EbmlVoid element;
  int length = size < 129 ? 1 : 8;
  element.SetSizeLength(length);
  element.SetSize(size - 1 - static_cast<uint64_t>(length));
  element.Render(output_);
}

/* The head. */

void FileWriter::write_head() {
  EbmlHead head;
  GetChild<EDocType>(head).SetValue("matroska");
  GetChild<EDocTypeVersion>(head).SetValue(4);
  GetChild<EDocTypeReadVersion>(head).SetValue(2);
  head.Render(output_, true);
  segment_ = std::make_unique<KaxSegment>();
  begin_master(*segment_, output_);
  segment_data_ = output_.end();
  seek_head_ = {output_.end(), kSeekHeadRoom};
  write_void(kSeekHeadRoom);
}

/* Always the same length, so that it can be written again. */
void FileWriter::write_info(int64_t duration_ns) {
  KaxInfo info;
  GetChild<KaxTimecodeScale>(info).SetValue(tick_ns_);
  KaxDuration &duration = GetChild<KaxDuration>(info);
  duration.SetPrecision(EbmlFloat::FLOAT_64);
  duration.SetValue(static_cast<double>(duration_ns) /
                    static_cast<double>(tick_ns_));
  if (recorded_ns_ != KVSP_TIME_NONE)
    GetChild<KaxDateUTC>(info).SetEpochDate(recorded_ns_ / kSecondNs);
  GetChild<KaxMuxingApp>(info).SetValueUTF8("libebml " + EbmlCodeVersion +
                                            " + libmatroska " + KaxCodeVersion);
  GetChild<KaxWritingApp>(info).SetValueUTF8(writing_app_);
  info.Render(output_, true);
}

void FileWriter::write_tracks() {
  tracks_place_.at = output_.end();
  tracks_.elements().Render(output_, false);
  write_void(kTracksRoom + kTrackRoom * tracks_.size());
  tracks_place_.size = output_.end() - tracks_place_.at;
}

void FileWriter::begin(uint64_t tick_ns, int64_t recorded_ns) {
  tick_ns_ = tick_ns;
  recorded_ns_ = recorded_ns;
  write_head();
  info_.at = output_.end();
  write_info(0);
  write_tracks();
}

/* Clusters. */

bool FileWriter::needs_cluster(const Track &track, const kvsp_frame &frame,
                               int64_t at) const {
  int64_t inside = at - cluster_ticks_;
  if (!cluster_ || inside > INT16_MAX || inside < INT16_MIN) return true;
  bool is_border = track.type != KVSP_TRACK_VIDEO
                       ? !has_video_cue_
                       : (frame.flags & KVSP_FRAME_KEY) != 0;
  if (!is_border) return false;
  return inside >= ticks(kClusterNs) ||
         output_.end() - cluster_at_ >= kClusterBytes;
}

void FileWriter::begin_cluster(int64_t at) {
  end_cluster();
  cluster_ticks_ = std::max<int64_t>(at, 0);
  cluster_ = std::make_unique<KaxCluster>();
  cluster_at_ = output_.end();
  begin_master(*cluster_, output_);
  cluster_->InitTimecode(static_cast<uint64>(cluster_ticks_),
                         static_cast<int64>(tick_ns_));
  KaxClusterTimecode timestamp;
  timestamp.SetValue(static_cast<uint64>(cluster_ticks_));
  timestamp.Render(output_, true);
  clusters_++;
}

/* Writes the size that it has by now. */
void FileWriter::end_master(EbmlMaster &master) {
  uint64_t data = master.GetElementPosition() + master.HeadSize();
  master.ForceSize(output_.end() - data);
  master.OverwriteHead(output_);
  output_.to_end();
}

void FileWriter::end_cluster() {
  if (cluster_) end_master(*cluster_);
  cluster_.reset();
}

void FileWriter::write_simple(Track &track, const kvsp_frame &frame,
                              uint64_t time) {
  KaxSimpleBlock block;
  block.SetParent(*cluster_);
  block.AddFrame(*track.entry, time, *lend(frame), LACING_NONE,
                 (frame.flags & KVSP_FRAME_INVISIBLE) != 0);
  block.SetKeyframe((frame.flags & KVSP_FRAME_KEY) != 0);
  block.SetDiscardable((frame.flags & KVSP_FRAME_DISCARDABLE) != 0);
  block.Render(output_);
}

/* What it refers to is not known, but that it does: to the frame before it, or
 * 0, which says nothing (RFC 9559, 10.4). */
void FileWriter::write_group(Track &track, const kvsp_frame &frame,
                             uint64_t time) {
  KaxBlockGroup group;
  KaxBlock &block = GetChild<KaxBlock>(group);
  int64_t at = static_cast<int64_t>(time) / static_cast<int64_t>(tick_ns_);
  group.SetParent(*cluster_);
  group.SetParentTrack(*track.entry);
  block.SetParent(*cluster_);
  block.AddFrame(*track.entry, time, *lend(frame), LACING_NONE,
                 (frame.flags & KVSP_FRAME_INVISIBLE) != 0);
  if (!(frame.flags & KVSP_FRAME_KEY))
    GetChild<KaxReferenceBlock>(group).SetReferencedTimecode(
        track.last_ns == KVSP_TIME_NONE ? 0 : ticks(track.last_ns) - at);
  if (frame.duration_ns != KVSP_TIME_NONE)
    GetChild<KaxBlockDuration>(group).SetValue(
        static_cast<uint64>(ticks(frame.duration_ns)));
  if (frame.discard_padding_ns != 0)
    GetChild<KaxDiscardPadding>(group).SetValue(frame.discard_padding_ns);
  if (frame.codec_state.data)
    GetChild<KaxCodecState>(group).CopyBuffer(
        unsafe(frame.codec_state.data),
        static_cast<uint32>(frame.codec_state.len));
  if (frame.addition_count > 0) add_additions(group, track, frame);
  group.Render(output_);
}

/* Key frames of video; where there is none, one frame a second. */
void FileWriter::note_cue(Track &track, const kvsp_frame &frame,
                          int64_t time_ns) {
  bool is_video = track.type == KVSP_TRACK_VIDEO;
  if (!(frame.flags & KVSP_FRAME_KEY)) return;
  if (!is_video && has_video_cue_) return;
  if (!is_video && track.cue_ns != KVSP_TIME_NONE &&
      time_ns - track.cue_ns < kSecondNs)
    return;
  if (is_video) has_video_cue_ = true;
  track.cue_ns = time_ns;
  uint64_t data = cluster_at_ + kClusterHead;
  cues_.push_back({static_cast<uint64_t>(std::max<int64_t>(ticks(time_ns), 0)),
                   relative(cluster_at_),
                   static_cast<uint32_t>(output_.end() - data),
                   static_cast<uint32_t>(track.number)});
}

void FileWriter::add_frame(Track &track, const kvsp_frame &frame,
                           int64_t time_ns) {
  int64_t at = ticks(time_ns);
  if (needs_cluster(track, frame, at)) begin_cluster(at);
  at = std::max<int64_t>(at, INT16_MIN);
  note_cue(track, frame, time_ns);
  uint64_t time = static_cast<uint64_t>(at) * tick_ns_;
  if (needs_group(track, frame))
    write_group(track, frame, time);
  else
    write_simple(track, frame, time);
}

/* The end. */

void FileWriter::write_cues() {
  KaxCues cues;
  if (cues_.empty()) return;
  std::stable_sort(cues_.begin(), cues_.end(), [](const Cue &a, const Cue &b) {
    return a.ticks < b.ticks;
  });
  cues_at_ = output_.end();
  begin_master(cues, output_);
  for (const Cue &cue : cues_) {
    KaxCuePoint point;
    GetChild<KaxCueTime>(point).SetValue(cue.ticks);
    KaxCueTrackPositions &positions = GetChild<KaxCueTrackPositions>(point);
    GetChild<KaxCueTrack>(positions).SetValue(cue.track);
    GetChild<KaxCueClusterPosition>(positions).SetValue(cue.cluster);
    GetChild<KaxCueRelativePosition>(positions).SetValue(cue.inside);
    point.Render(output_, false);
  }
  end_master(cues);
}

void FileWriter::write_chapters(const std::string &atoms) {
  KaxChapters chapters;
  KaxEditionEntry edition;
  KaxEditionUID uid;
  if (atoms.empty()) return;
  chapters_at_ = output_.end();
  begin_master(chapters, output_);
  begin_master(edition, output_);
  uid.SetValue(1);
  uid.Render(output_, true);
  write_bytes(output_, atoms);
  end_master(edition);
  end_master(chapters);
}

void FileWriter::write_tags(const std::string &rendered) {
  KaxTags tags;
  if (rendered.empty()) return;
  tags_at_ = output_.end();
  begin_master(tags, output_);
  write_bytes(output_, rendered);
  end_master(tags);
}

/* Into the room that it had, if it still fits. */
void FileWriter::rewrite_tracks() {
  Rendered tracks;
  tracks_.elements().Render(tracks, false);
  uint64_t size = tracks.bytes.size();
  if (size + 2 > tracks_place_.size) return;
  output_.setFilePointer(static_cast<int64>(tracks_place_.at), seek_beginning);
  write_bytes(output_, tracks.bytes);
  write_void(tracks_place_.size - size);
}

void FileWriter::write_seek_head() {
  KaxSeekHead head;
  Rendered rendered;
  clear(head);
  add_seek(head, EBML_ID(KaxInfo), relative(info_.at));
  add_seek(head, EBML_ID(KaxTracks), relative(tracks_place_.at));
  if (cues_at_) add_seek(head, EBML_ID(KaxCues), relative(cues_at_));
  if (chapters_at_)
    add_seek(head, EBML_ID(KaxChapters), relative(chapters_at_));
  if (tags_at_) add_seek(head, EBML_ID(KaxTags), relative(tags_at_));
  head.Render(rendered, false);
  output_.setFilePointer(static_cast<int64>(seek_head_.at), seek_beginning);
  write_bytes(output_, rendered.bytes);
  write_void(seek_head_.size - rendered.bytes.size());
}

void FileWriter::end(const FragmentNotes *notes, int64_t duration_ns) {
  end_cluster();
  write_cues();
  if (notes) write_chapters(notes->chapters());
  if (notes) write_tags(notes->tags());
  end_master(*segment_);
  output_.setFilePointer(static_cast<int64>(info_.at), seek_beginning);
  write_info(duration_ns);
  rewrite_tracks();
  write_seek_head();
  output_.flush();
}

}  // namespace kvsp
