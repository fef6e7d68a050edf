from typing_extensions import Buffer

class View(Buffer):
    """Exports memory of ours; made by `RFBProtocol.picture` and `get_buffer` only."""
