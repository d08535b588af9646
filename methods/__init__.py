"""The methods under comparison, and the table of their names."""

from collections.abc import Mapping
from types import MappingProxyType

from methods.base import Method
from methods.coco_q import CocoQ
from methods.dgn import DGN
from methods.dqn import DQN
from methods.intention_propagation import IntentionPropagation
from methods.joint_dqn import JointDQN
from methods.lio import LIO
from methods.ltos import FixedLToS, LToS
from methods.random_policy import RandomPolicy
from methods.reference import Reference

METHODS: Mapping[str, type[Method]] = MappingProxyType(
    {
        "random": RandomPolicy,
        "reference": Reference,
        "dqn": DQN,
        "dgn": DGN,
        "fixed_ltos": FixedLToS,
        "ltos": LToS,
        "joint_dqn": JointDQN,
        "coco_q": CocoQ,
        "ip": IntentionPropagation,
        "lio": LIO,
    }
)
