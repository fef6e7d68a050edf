/* libvncclient as a peer: reads one replayed stream to its end.

   cc -O2 libvncclient.c -o libvncclient $(pkg-config --cflags --libs libvncclient)
   libvncclient PORT LABEL    prints one JSON line: {"fnv": hash of the last picture}, as recording.picture_hash has it */
#include <rfb/rfbclient.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_nothing(const char *format, ...) { (void)format; }

static uint64_t picture_hash(const rfbClient *client) {
    const uint8_t *pixel = client->frameBuffer;
    uint64_t hash = UINT64_C(1469598103934665603);
    for (size_t left = (size_t)client->width * client->height; left > 0; left--, pixel += 4)
        for (int channel = 0; channel < 3; channel++) hash = (hash ^ pixel[channel]) * UINT64_C(0x100000001B3);
    return hash;
}

int main(int argc, char **argv) {
    int no_arguments = 1;
    char *name[] = {argv[0], NULL};
    rfbClient *client;
    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT LABEL\n", argv[0]);
        return 2;
    }
    rfbClientLog = rfbClientErr = say_nothing;
    client = rfbGetClient(8, 3, 4);
    /* Recordings hold B, G, R, X in memory. */
    client->format.redShift = 16;
    client->format.greenShift = 8;
    client->format.blueShift = 0;
    client->appData.encodingsString = "tight zrle hextile copyrect raw";
    client->appData.useRemoteCursor = TRUE;
    client->canHandleNewFBSize = TRUE;
    client->serverHost = strdup("127.0.0.1");
    client->serverPort = atoi(argv[1]);
    if (!rfbInitClient(client, &no_arguments, name)) {
        fprintf(stderr, "%s: no connection to port %s\n", argv[0], argv[1]);
        return 1;
    }
    while (HandleRFBServerMessage(client)) continue;
    printf("{\"client\": \"libvncclient\", \"stream\": \"%s\", \"fnv\": \"%016llx\"}\n", argv[2],
           (unsigned long long)picture_hash(client));
    return 0;
}
