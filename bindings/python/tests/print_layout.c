/*
 * print_layout.c - prints the structs of the public headers that the Python
 * package declares for itself: "struct NAME SIZE", then "NAME FIELD OFFSET
 * SIZE" for each field.  test_layout.py compares.
 */
#include <kvsparse/extractor.h>
#include <kvsparse/finisher.h>
#include <kvsparse/kvsparse.h>
#include <kvsparse/pictures.h>
#include <stddef.h>
#include <stdio.h>

#define STRUCT(type) printf("struct " #type " %zu\n", sizeof(type))
#define FIELD(type, field)                                     \
  printf(#type " " #field " %zu %zu\n", offsetof(type, field), \
         sizeof(((type *)NULL)->field))

static void print_view(void) {
  STRUCT(kvsp_view);
  FIELD(kvsp_view, data);
  FIELD(kvsp_view, len);
}

static void print_limits(void) {
  STRUCT(kvsp_limits);
  FIELD(kvsp_limits, struct_size);
  FIELD(kvsp_limits, max_depth);
  FIELD(kvsp_limits, max_tracks);
  FIELD(kvsp_limits, max_tags);
  FIELD(kvsp_limits, reserved);
  FIELD(kvsp_limits, max_value);
  FIELD(kvsp_limits, max_frame);
  FIELD(kvsp_limits, max_memory);
}

static void print_error_info(void) {
  STRUCT(kvsp_error_info);
  FIELD(kvsp_error_info, status);
  FIELD(kvsp_error_info, offset);
  FIELD(kvsp_error_info, element_id);
  FIELD(kvsp_error_info, message);
}

static void print_track(void) {
  STRUCT(kvsp_track);
  FIELD(kvsp_track, number);
  FIELD(kvsp_track, uid);
  FIELD(kvsp_track, index);
  FIELD(kvsp_track, type);
  FIELD(kvsp_track, width);
  FIELD(kvsp_track, height);
  FIELD(kvsp_track, sample_rate);
  FIELD(kvsp_track, channels);
  FIELD(kvsp_track, bit_depth);
  FIELD(kvsp_track, default_duration_ns);
  FIELD(kvsp_track, codec_id);
  FIELD(kvsp_track, codec_private);
  FIELD(kvsp_track, name);
  FIELD(kvsp_track, language);
  FIELD(kvsp_track, encodings);
  FIELD(kvsp_track, audio_channels);
  FIELD(kvsp_track, audio_bit_depth);
  FIELD(kvsp_track, audio_sample_rate);
  FIELD(kvsp_track, audio_codec_id);
  FIELD(kvsp_track, entry);
}

static void print_target(void) {
  STRUCT(kvsp_target);
  FIELD(kvsp_target, element_id);
  FIELD(kvsp_target, uid);
}

static void print_targets(void) {
  STRUCT(kvsp_targets);
  FIELD(kvsp_targets, type_value);
  FIELD(kvsp_targets, type);
  FIELD(kvsp_targets, targets);
  FIELD(kvsp_targets, target_count);
}

static void print_tag(void) {
  STRUCT(kvsp_tag);
  FIELD(kvsp_tag, name);
  FIELD(kvsp_tag, value);
  FIELD(kvsp_tag, flags);
  FIELD(kvsp_tag, depth);
  FIELD(kvsp_tag, targets);
}

static void print_fragment(void) {
  STRUCT(kvsp_fragment);
  FIELD(kvsp_fragment, index);
  FIELD(kvsp_fragment, offset);
  FIELD(kvsp_fragment, size);
  FIELD(kvsp_fragment, flags);
  FIELD(kvsp_fragment, error_id);
  FIELD(kvsp_fragment, error_code);
  FIELD(kvsp_fragment, error_message);
  FIELD(kvsp_fragment, number);
  FIELD(kvsp_fragment, continuation_token);
  FIELD(kvsp_fragment, producer_time_ns);
  FIELD(kvsp_fragment, server_time_ns);
  FIELD(kvsp_fragment, millis_behind_now);
  FIELD(kvsp_fragment, start_ns);
  FIELD(kvsp_fragment, gap_ns);
  FIELD(kvsp_fragment, timestamp_scale);
  FIELD(kvsp_fragment, tracks);
  FIELD(kvsp_fragment, track_count);
  FIELD(kvsp_fragment, tags);
  FIELD(kvsp_fragment, tag_count);
  FIELD(kvsp_fragment, frame_count);
}

static void print_addition(void) {
  STRUCT(kvsp_addition);
  FIELD(kvsp_addition, id);
  FIELD(kvsp_addition, data);
}

static void print_frame(void) {
  STRUCT(kvsp_frame);
  FIELD(kvsp_frame, data);
  FIELD(kvsp_frame, size);
  FIELD(kvsp_frame, offset);
  FIELD(kvsp_frame, track);
  FIELD(kvsp_frame, fragment);
  FIELD(kvsp_frame, index);
  FIELD(kvsp_frame, pts_ns);
  FIELD(kvsp_frame, producer_time_ns);
  FIELD(kvsp_frame, duration_ns);
  FIELD(kvsp_frame, discard_padding_ns);
  FIELD(kvsp_frame, flags);
  FIELD(kvsp_frame, lacing);
  FIELD(kvsp_frame, lace_index);
  FIELD(kvsp_frame, lace_count);
  FIELD(kvsp_frame, owner);
  FIELD(kvsp_frame, codec_state);
  FIELD(kvsp_frame, additions);
  FIELD(kvsp_frame, addition_count);
}

static void print_gap(void) {
  STRUCT(kvsp_gap);
  FIELD(kvsp_gap, from);
  FIELD(kvsp_gap, to);
  FIELD(kvsp_gap, status);
  FIELD(kvsp_gap, element_id);
  FIELD(kvsp_gap, reason);
  FIELD(kvsp_gap, frames_lost);
  FIELD(kvsp_gap, fragments_affected);
}

static void print_item(void) {
  STRUCT(kvsp_item);
  FIELD(kvsp_item, type);
  FIELD(kvsp_item, fragment);
  FIELD(kvsp_item, frame);
  FIELD(kvsp_item, tags);
  FIELD(kvsp_item, tag_count);
  FIELD(kvsp_item, gap);
}

static void print_reader_config(void) {
  STRUCT(kvsp_reader_config);
  FIELD(kvsp_reader_config, struct_size);
  FIELD(kvsp_reader_config, allocator);
  FIELD(kvsp_reader_config, limits);
  FIELD(kvsp_reader_config, flags);
  FIELD(kvsp_reader_config, reserved);
  FIELD(kvsp_reader_config, track_types);
  FIELD(kvsp_reader_config, tracks);
  FIELD(kvsp_reader_config, track_count);
}

static void print_reader_stats(void) {
  STRUCT(kvsp_reader_stats);
  FIELD(kvsp_reader_stats, bytes_fed);
  FIELD(kvsp_reader_stats, bytes_copied);
  FIELD(kvsp_reader_stats, bytes_examined);
  FIELD(kvsp_reader_stats, memory);
  FIELD(kvsp_reader_stats, memory_peak);
}

static void print_picture(void) {
  STRUCT(kvsp_picture);
  FIELD(kvsp_picture, format);
  FIELD(kvsp_picture, width);
  FIELD(kvsp_picture, height);
  FIELD(kvsp_picture, flags);
  FIELD(kvsp_picture, plane);
  FIELD(kvsp_picture, stride);
  FIELD(kvsp_picture, pts_ns);
  FIELD(kvsp_picture, producer_time_ns);
  FIELD(kvsp_picture, duration_ns);
  FIELD(kvsp_picture, offset);
  FIELD(kvsp_picture, index);
  FIELD(kvsp_picture, track_number);
  FIELD(kvsp_picture, fragment_index);
  FIELD(kvsp_picture, frame_index);
  FIELD(kvsp_picture, fragment_number);
  FIELD(kvsp_picture, coded_width);
  FIELD(kvsp_picture, coded_height);
  FIELD(kvsp_picture, native_format);
  FIELD(kvsp_picture, native_format_name);
  FIELD(kvsp_picture, avframe);
  FIELD(kvsp_picture, owner);
}

static void print_pictures_config(void) {
  STRUCT(kvsp_pictures_config);
  FIELD(kvsp_pictures_config, struct_size);
  FIELD(kvsp_pictures_config, allocator);
  FIELD(kvsp_pictures_config, limits);
  FIELD(kvsp_pictures_config, reader_flags);
  FIELD(kvsp_pictures_config, format);
  FIELD(kvsp_pictures_config, width);
  FIELD(kvsp_pictures_config, height);
  FIELD(kvsp_pictures_config, threads);
  FIELD(kvsp_pictures_config, flags);
  FIELD(kvsp_pictures_config, max_width);
  FIELD(kvsp_pictures_config, max_height);
  FIELD(kvsp_pictures_config, track_number);
  FIELD(kvsp_pictures_config, every);
  FIELD(kvsp_pictures_config, interval_ns);
  FIELD(kvsp_pictures_config, item_callback);
  FIELD(kvsp_pictures_config, item_user);
}

static void print_pictures_stats(void) {
  STRUCT(kvsp_pictures_stats);
  FIELD(kvsp_pictures_stats, frames);
  FIELD(kvsp_pictures_stats, frames_sent);
  FIELD(kvsp_pictures_stats, pictures);
  FIELD(kvsp_pictures_stats, damaged);
  FIELD(kvsp_pictures_stats, errors);
  FIELD(kvsp_pictures_stats, undecodable);
  FIELD(kvsp_pictures_stats, decoders_opened);
  FIELD(kvsp_pictures_stats, gaps);
}

static void print_piece(void) {
  STRUCT(kvsp_collected);
  FIELD(kvsp_collected, data);
  FIELD(kvsp_collected, offset);
  FIELD(kvsp_collected, segment);
  FIELD(kvsp_collected, fragment_index);
  FIELD(kvsp_collected, producer_time_ns);
  FIELD(kvsp_collected, reason);
  FIELD(kvsp_collected, flags);
  FIELD(kvsp_collected, pts_ns);
  FIELD(kvsp_collected, sample_rate);
  FIELD(kvsp_collected, channels);
}

static void print_collector_config(void) {
  STRUCT(kvsp_collector_config);
  FIELD(kvsp_collector_config, struct_size);
  FIELD(kvsp_collector_config, allocator);
  FIELD(kvsp_collector_config, max_memory);
}

static void print_merger_config(void) {
  STRUCT(kvsp_merger_config);
  FIELD(kvsp_merger_config, struct_size);
  FIELD(kvsp_merger_config, allocator);
  FIELD(kvsp_merger_config, limits);
  FIELD(kvsp_merger_config, mode);
  FIELD(kvsp_merger_config, flags);
  FIELD(kvsp_merger_config, output);
  FIELD(kvsp_merger_config, user);
  FIELD(kvsp_merger_config, item);
  FIELD(kvsp_merger_config, split_fragments);
  FIELD(kvsp_merger_config, split_bytes);
  FIELD(kvsp_merger_config, split_ns);
}

static void print_merger_stats(void) {
  STRUCT(kvsp_merger_stats);
  FIELD(kvsp_merger_stats, segments);
  FIELD(kvsp_merger_stats, fragments);
  FIELD(kvsp_merger_stats, frames);
  FIELD(kvsp_merger_stats, frames_left);
  FIELD(kvsp_merger_stats, bytes);
  FIELD(kvsp_merger_stats, gaps);
  FIELD(kvsp_merger_stats, memory);
  FIELD(kvsp_merger_stats, memory_peak);
}

static void print_element_info(void) {
  STRUCT(kvsp_element_info);
  FIELD(kvsp_element_info, id);
  FIELD(kvsp_element_info, name);
  FIELD(kvsp_element_info, path);
  FIELD(kvsp_element_info, parent_id);
  FIELD(kvsp_element_info, type);
  FIELD(kvsp_element_info, level);
  FIELD(kvsp_element_info, flags);
  FIELD(kvsp_element_info, default_value);
}

static void print_event(void) {
  STRUCT(kvsp_event);
  FIELD(kvsp_event, type);
  FIELD(kvsp_event, flags);
  FIELD(kvsp_event, id);
  FIELD(kvsp_event, depth);
  FIELD(kvsp_event, header_size);
  FIELD(kvsp_event, offset);
  FIELD(kvsp_event, size);
  FIELD(kvsp_event, data_offset);
  FIELD(kvsp_event, data);
  FIELD(kvsp_event, info);
}

static void print_extractor_config(void) {
  STRUCT(kvsp_extractor_config);
  FIELD(kvsp_extractor_config, struct_size);
  FIELD(kvsp_extractor_config, allocator);
  FIELD(kvsp_extractor_config, format);
  FIELD(kvsp_extractor_config, reserved);
}

static void print_finisher_config(void) {
  STRUCT(kvsp_finisher_config);
  FIELD(kvsp_finisher_config, struct_size);
  FIELD(kvsp_finisher_config, write);
  FIELD(kvsp_finisher_config, user);
  FIELD(kvsp_finisher_config, mode);
  FIELD(kvsp_finisher_config, flags);
  FIELD(kvsp_finisher_config, writing_app);
  FIELD(kvsp_finisher_config, max_memory);
}

static void print_finisher_stats(void) {
  STRUCT(kvsp_finisher_stats);
  FIELD(kvsp_finisher_stats, frames);
  FIELD(kvsp_finisher_stats, frames_unknown);
  FIELD(kvsp_finisher_stats, frames_compressed);
  FIELD(kvsp_finisher_stats, clusters);
  FIELD(kvsp_finisher_stats, cues);
  FIELD(kvsp_finisher_stats, chapters);
  FIELD(kvsp_finisher_stats, bytes);
  FIELD(kvsp_finisher_stats, memory);
  FIELD(kvsp_finisher_stats, duration_ns);
}

int main(void) {
  print_view();
  print_limits();
  print_error_info();
  print_track();
  print_target();
  print_targets();
  print_tag();
  print_fragment();
  print_addition();
  print_frame();
  print_gap();
  print_item();
  print_reader_config();
  print_reader_stats();
  print_piece();
  print_collector_config();
  print_merger_config();
  print_merger_stats();
  print_element_info();
  print_event();
  print_picture();
  print_pictures_config();
  print_pictures_stats();
  print_extractor_config();
  print_finisher_config();
  print_finisher_stats();
  return 0;
}
