#include "track_table.h"

#include <kvsparse/element_ids.h>
#include <matroska/KaxSemantic.h>
#include <matroska/KaxTrackAudio.h>
#include <matroska/KaxTrackVideo.h>

#include <algorithm>

#include "carried.h"
#include "text.h"

namespace kvsp {

using namespace libmatroska;

namespace {

/* A Block's track number has two bytes at most in libmatroska. */
const uint64_t kNumberMost = 0x3FFE;

std::string bytes(kvsp_view view) {
  if (view.len == 0) return std::string();
  return std::string(reinterpret_cast<const char *>(view.data), view.len);
}

bool same_audio(const Track &track, const kvsp_track &shown) {
  if (!shown.audio_codec_id.data || track.audio_codec_id.empty()) return true;
  return track.audio_codec_id == ascii(shown.audio_codec_id) &&
         track.audio_rate == shown.audio_sample_rate &&
         track.audio_channels == shown.audio_channels &&
         track.audio_depth == shown.audio_bit_depth;
}

bool same(const Track &track, const kvsp_track &shown) {
  return track.type == shown.type && track.width == shown.width &&
         track.height == shown.height &&
         track.sample_rate == shown.sample_rate &&
         track.channels == shown.channels &&
         track.bit_depth == shown.bit_depth &&
         track.codec_id == ascii(shown.codec_id) &&
         track.codec_private == bytes(shown.codec_private);
}

/* The tag of Amazon Connect told that the CodecID lies. */
bool is_told_otherwise(const Track &track) {
  return !track.audio_codec_id.empty() &&
         track.audio_codec_id != track.codec_id;
}

void set_language(KaxTrackEntry &entry, const std::string &language) {
  bool is_iso = language.size() == 3 &&
                std::all_of(language.begin(), language.end(),
                            [](char c) { return c >= 'a' && c <= 'z'; });
  if (language.empty()) return;
  GetChild<KaxTrackLanguage>(entry).SetValue(is_iso ? language : "und");
  if (!is_iso) GetChild<KaxLanguageIETF>(entry).SetValue(language);
}

void set_video(KaxTrackEntry &entry, const Track &track) {
  /* The element needs both; decoders know better than a guess. */
  if (track.width == 0 || track.height == 0)
    remove_children(entry, KVSP_ID_VIDEO);
  if (track.width == 0 || track.height == 0) return;
  if (is_carried(entry, KVSP_ID_VIDEO)) return;
  KaxTrackVideo &video = GetChild<KaxTrackVideo>(entry);
  GetChild<KaxVideoPixelWidth>(video).SetValue(track.width);
  GetChild<KaxVideoPixelHeight>(video).SetValue(track.height);
}

void set_audio(KaxTrackEntry &entry, double rate, uint32_t channels,
               uint32_t depth) {
  if (rate <= 0 && channels == 0) return;
  KaxTrackAudio &audio = GetChild<KaxTrackAudio>(entry);
  KaxAudioSamplingFreq &frequency = GetChild<KaxAudioSamplingFreq>(audio);
  frequency.SetPrecision(libebml::EbmlFloat::FLOAT_64);
  if (rate > 0) frequency.SetValue(rate);
  if (channels > 0) GetChild<KaxAudioChannels>(audio).SetValue(channels);
  if (depth > 0) GetChild<KaxAudioBitDepth>(audio).SetValue(depth);
}

void correct(const Track &track) {
  KaxTrackEntry &entry = *track.entry;
  if (is_told_otherwise(track)) {
    if (is_carried(entry, KVSP_ID_AUDIO)) remove_children(entry, KVSP_ID_AUDIO);
    GetChild<KaxCodecID>(entry).SetValue(track.audio_codec_id);
    set_audio(entry, track.audio_rate, track.audio_channels, track.audio_depth);
    remove_children(entry, KVSP_ID_CODEC_PRIVATE);
  }
  if (track.addition_id_most > 0)
    GetChild<KaxMaxBlockAdditionID>(entry).SetValue(track.addition_id_most);
}

}  // namespace

uint64_t TrackTable::free_number(uint64_t wanted) const {
  auto taken = [this](uint64_t number) {
    return std::any_of(tracks_.begin(), tracks_.end(),
                       [number](const Track &t) { return t.number == number; });
  };
  if (wanted <= kNumberMost && !taken(wanted)) return wanted;
  for (uint64_t number = kNumberMost;; number--)
    if (!taken(number)) return number;
}

uint64_t TrackTable::free_uid(uint64_t wanted) const {
  auto taken = [this](uint64_t uid) {
    return std::any_of(tracks_.begin(), tracks_.end(),
                       [uid](const Track &t) { return t.uid == uid; });
  };
  uint64_t uid = std::max<uint64_t>(wanted, 1);
  while (taken(uid)) uid++;
  return uid;
}

void TrackTable::add(const kvsp_track &shown) {
  Track t;
  if (find(shown.number) || tracks_.size() >= kNumberMost) return;
  t.stream_number = shown.number;
  t.number = free_number(shown.number);
  t.stream_uid = shown.uid;
  t.uid = free_uid(shown.uid ? shown.uid : shown.number);
  t.type = shown.type;
  t.width = shown.width;
  t.height = shown.height;
  t.sample_rate = shown.sample_rate;
  t.channels = shown.channels;
  t.bit_depth = shown.bit_depth;
  t.default_duration_ns = shown.default_duration_ns;
  t.codec_id = ascii(shown.codec_id);
  t.codec_private = bytes(shown.codec_private);

  KaxTrackEntry &entry = AddNewChild<KaxTrackEntry>(*elements_);
  GetChild<KaxTrackNumber>(entry).SetValue(t.number);
  GetChild<KaxTrackUID>(entry).SetValue(t.uid);
  GetChild<KaxTrackType>(entry).SetValue(t.type);
  entry.EnableLacing(false);
  if (t.default_duration_ns > 0)
    GetChild<KaxTrackDefaultDuration>(entry).SetValue(
        static_cast<uint64_t>(t.default_duration_ns));
  if (shown.name.data)
    GetChild<KaxTrackName>(entry).SetValueUTF8(utf8(shown.name));
  set_language(entry, ascii(shown.language));
  GetChild<KaxCodecID>(entry).SetValue(t.codec_id);
  if (shown.codec_private.len > 0)
    GetChild<KaxCodecPrivate>(entry).CopyBuffer(
        shown.codec_private.data,
        static_cast<uint32_t>(shown.codec_private.len));
  carry(entry, shown.entry);
  if (t.type == KVSP_TRACK_VIDEO) set_video(entry, t);
  if (t.type == KVSP_TRACK_AUDIO && !is_carried(entry, KVSP_ID_AUDIO))
    set_audio(entry, t.sample_rate, t.channels, t.bit_depth);
  t.entry = &entry;
  tracks_.push_back(t);
}

/* Anew, where a fragment without frames came first. */
void TrackTable::start(const kvsp_fragment &fragment) {
  tracks_.clear();
  elements_ = std::make_unique<KaxTracks>();
  for (auto *element : elements_->GetElementList()) delete element;
  elements_->GetElementList().clear();
  for (size_t i = 0; i < fragment.track_count; i++) add(*fragment.tracks[i]);
  learn(fragment);
}

bool TrackTable::fits(const kvsp_fragment &fragment) const {
  for (size_t i = 0; i < fragment.track_count; i++) {
    const kvsp_track &shown = *fragment.tracks[i];
    auto there = std::find_if(
        tracks_.begin(), tracks_.end(),
        [&](const Track &t) { return t.stream_number == shown.number; });
    if (there == tracks_.end()) return false;
    if (!same(*there, shown) || !same_audio(*there, shown)) return false;
  }
  return true;
}

void TrackTable::learn(const kvsp_fragment &fragment) {
  for (size_t i = 0; i < fragment.track_count; i++) {
    const kvsp_track &shown = *fragment.tracks[i];
    Track *track = find(shown.number);
    if (!track || !shown.audio_codec_id.data) continue;
    if (track->type != KVSP_TRACK_AUDIO) continue;
    if (is_told_otherwise(*track)) continue;
    track->audio_codec_id = ascii(shown.audio_codec_id);
    track->audio_rate = shown.audio_sample_rate;
    track->audio_channels = shown.audio_channels;
    track->audio_depth = shown.audio_bit_depth;
    /* As declared: nothing was told, and may be yet. */
    if (!is_told_otherwise(*track)) track->audio_codec_id.clear();
  }
}

Track *TrackTable::find(uint64_t stream_number) {
  for (Track &track : tracks_)
    if (track.stream_number == stream_number) return &track;
  return nullptr;
}

uint64_t TrackTable::uid_of(uint64_t stream_uid) const {
  for (const Track &track : tracks_)
    if (track.stream_uid == stream_uid) return track.uid;
  return 0;
}

KaxTracks &TrackTable::elements() {
  for (const Track &track : tracks_) correct(track);
  return *elements_;
}

}  // namespace kvsp
