"""The methods under comparison, and the table of their names."""

from collections.abc import Mapping
from types import MappingProxyType

from methods.base import Method
from methods.coco_q import CocoQ
from methods.consenet import ConseNet
from methods.dgn import DGN, InequityDGN, TeamDGN
from methods.dqn import DQN, InequityDQN, TeamDQN
from methods.intention_propagation import IntentionPropagation
from methods.joint_dqn import JointDQN
from methods.lio import LIO
from methods.ltos import FixedLToS, LToS
from methods.neurcomm import IA2C, NeurComm
from methods.ppo import IPPO, MAPPO
from methods.qmix import QMIX, VDN
from methods.reference import RandomPolicy, Reference

METHODS: Mapping[str, type[Method]] = MappingProxyType(
    {
        "random": RandomPolicy,
        "reference": Reference,
        "dqn": DQN,
        "dgn": DGN,
        "fixed_ltos": FixedLToS,
        "ltos": LToS,
        "team_dqn": TeamDQN,
        "team_dgn": TeamDGN,
        "inequity_dqn": InequityDQN,
        "inequity_dgn": InequityDGN,
        "vdn": VDN,
        "qmix": QMIX,
        "ippo": IPPO,
        "mappo": MAPPO,
        "joint_dqn": JointDQN,
        "coco_q": CocoQ,
        "neurcomm": NeurComm,
        "ia2c": IA2C,
        "consenet": ConseNet,
        "ip": IntentionPropagation,
        "lio": LIO,
    }
)
