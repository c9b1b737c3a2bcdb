"""A Kinesis Video Streams endpoint on this machine, for development and tests.

    python3 -m kvsparse.endpoint --stream door=recording.mkv

serves a recording (GetMedia's output, or any Matroska file) as the stream
``door``, over and over and at its own pace, as a live camera.  The first line
on standard output is the port; the rest goes to standard error.  SIGTERM and
SIGINT end it.  boto3 works against it unchanged:

    import boto3
    url = "http://127.0.0.1:PORT"
    keys = dict(region_name="us-west-2", aws_access_key_id="AKIDEXAMPLE",
                aws_secret_access_key=
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    control = boto3.client("kinesisvideo", endpoint_url=url, **keys)
    data = control.get_data_endpoint(StreamName="door", APIName="GET_MEDIA")
    media = boto3.client("kinesis-video-media", **keys,
                         endpoint_url=data["DataEndpoint"])
    answer = media.get_media(StreamName="door",
                             StartSelector={"StartSelectorType": "NOW"})
    for fragment in kvsparse.read(answer["Payload"]):
        ...

Streams
-------
``--stream NAME=FILE`` may be given many times; ``NAME=A.mkv+B.mkv`` joins
recordings (tracks change), ``cam{0..99}=FILE`` is a hundred streams.
``NAME=generate:OPTIONS`` takes what ``kvsparse generate OPTIONS`` writes, and
``NAME=counter:fragments=100,frames=1,size=64,fragment_ms=1000`` a made-up
stream whose frame k begins with the number k in eight bytes.

``--pace 1`` is the stream's own pace, 10 is ten times as fast, 0 is all at
once.  A paced stream loops for ever and has new numbers and times in each
round (Cluster timecodes, too), counted from the start of the endpoint;
``--history S`` has so many seconds of it there from the start.  At pace 0
there are ``--loop`` rounds (1), and the numbers and times are the
recording's own (``--times``).

Calls
-----
GetDataEndpoint, DescribeStream, ListStreams, GetMedia (all selectors),
ListFragments (in no order), GetMediaForFragmentList.  Signatures are verified
by botocore's own code where it is installed: scope, signed headers, five
minutes of skew, tokens, expiry.  The service's quotas hold (``--quota
NAME=VALUE``, ``--no-quotas``); at pace 0 there is no limit of five fragments
a second.

Faults
------
``--fault 'CALL DO NAME=VALUE...'`` or the same as JSON, also in a list in
``--scenario FILE`` or by the control path.  CALL is a call's name, ``*``, or
IMDSToken, IMDSRole, IMDSCredentials, ContainerCredentials,
AssumeRoleWithWebIdentity.  ``stream=``, ``skip=N``, ``times=N``,
``probability=P`` say when.  A number may be a range, ``bytes=[0,60000]``.

    error        type=NAME or status=N; message, key (Message, message),
                 header=false (no x-amzn-ErrorType), uri=true (with a URI),
                 type_key=__type (the name in the body), headers, body
    delay        seconds: before the answer
    cut, reset   close without the final chunk; TCP reset.  Where: wire=N (of
                 the whole answer, headers included), or bytes=N of the body,
                 fragments=N (after so many), fragments=N with place= head,
                 cluster, vint, middle, tail or end of the one that follows,
                 and plus=N bytes
    end          the session ends properly there
    silence      nothing comes for seconds=S; then= on, end, cut, reset
    error_tags   id=3002, 4000, 4500..4506, 5000; code, where= document,
                 cluster, tags; then=end, on, cut, reset
    slow         bytes_per_second
    chunks       size: of transfer chunks
    no_tail, double, swap, no_cluster
                 every=N: fragments without tail tags; sent twice; sent
                 before the one they follow; with an empty document before
    replay       count: the session begins so many fragments earlier
    endpoint     answer= self, separate, stale, dead or a URL
                 (GetDataEndpoint)
    missing      number or every, code, message (GetMediaForFragmentList)

``--chaos RATE`` draws from all that a client has to survive, by ``--seed``.

Credentials
-----------
``--credentials KEY:SECRET[:TOKEN[:SECONDS]]`` instead of the documentation's
key.  The endpoint is IMDSv2 (AWS_EC2_METADATA_SERVICE_ENDPOINT=URL), the
container's service (AWS_CONTAINER_CREDENTIALS_FULL_URI=
URL/container/credentials) and STS AssumeRoleWithWebIdentity (POST URL/) at
once; each hands out new keys that are valid for ``--key-lifetime`` seconds.

Control
-------
Paths under /_endpoint, see kvsparse.endpoint.control: state, log of calls,
rules, quotas, expiry of keys, clock, stale endpoints, paused producers, end
of sessions.
"""
