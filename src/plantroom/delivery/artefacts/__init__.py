"""Artefacts: immutable, content-addressed builds of an application, kept in an OCI image layout on disk.

What can go wrong, each an `ArtefactError`:

    PR301  a blob is missing            PR310  the build definition has mistakes (all of them at once)
    PR302  a blob is truncated          PR311  the lock is not exact
    PR303  a blob is altered            PR312  the locked dependencies cannot be installed
    PR304  there is no such artefact    PR313  that version exists with other content
    PR305  the index cannot be trusted  PR314  the source cannot be packed
    PR306  not an artefact of ours      PR315  built for another machine
    PR307  an unsafe archive            PR316  it cannot be unpacked here
"""
